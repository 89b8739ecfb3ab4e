"""Writing reports to files: never half a file."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from torchdoctor.errors import TorchdoctorError


def write(path: Path, text: str) -> None:
    """Write a report to a file, whole. Raises TorchdoctorError where that cannot be done."""
    data = text.encode("utf-8", "backslashreplace")
    temporary = ""
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise TorchdoctorError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):  # it has taken the report's place, or it is of no use
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
