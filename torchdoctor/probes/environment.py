"""What decides some failures beside the code: versions, limits, and the files that the failing code names."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import PosixPath, PureWindowsPath
from typing import Any

from torchdoctor.probes.plain import loaded
from torchdoctor.record import Failure, FileRecord

_HEAD = 64
_MOST_FILES = 4
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "PYTORCH_CUDA_ALLOC_CONF", "WORLD_SIZE", "LOCAL_RANK",
    "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS",
)  # fmt: skip


def environment_of() -> dict[str, Any]:
    """Versions and settings, none of which touches a device."""
    found: dict[str, Any] = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "platform": sys.platform,
        **{name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }
    if (torch := loaded("torch")) is not None:
        found["torch"] = str(vars(torch).get("__version__", ""))
        version = vars(torch).get("version")
        found["cuda"] = getattr(version, "cuda", None)
        found["grad_enabled"] = bool(torch.is_grad_enabled())
        found["default_dtype"] = str(torch.get_default_dtype()).removeprefix("torch.")
    if (numpy := loaded("numpy")) is not None:
        found["numpy"] = str(vars(numpy).get("__version__", ""))
    return found


def files_of(failure: Failure) -> Iterator[FileRecord]:
    """The files that the failing expressions name, and the first bytes of those that are there."""
    seen: set[str] = set()
    for value in failure.values:
        path = value.literal if value.type in ("str", "PosixPath", "WindowsPath") else None
        if type(path) is str and path not in seen and _looks_like_a_path(path) and len(seen) < _MOST_FILES:
            seen.add(path)
            yield _file(path)


def path_text(value: object) -> str:
    """A plain path object as text; "" for everything else."""
    return str(value) if type(value) in (PosixPath, PureWindowsPath) else ""


def _looks_like_a_path(text: str) -> bool:
    return (
        0 < len(text) < 1000 and "\n" not in text and "\0" not in text and ("/" in text or "." in text or "\\" in text)
    )


def _file(path: str) -> FileRecord:
    folder = os.path.isdir(os.path.dirname(os.path.abspath(path)))
    try:
        if not os.path.isfile(path):
            return FileRecord(path, os.path.exists(path), folder_exists=folder)
        with open(path, "rb") as file:
            head = file.read(_HEAD).decode("latin-1")
        return FileRecord(path, True, os.path.getsize(path), head, folder)
    except OSError:
        return FileRecord(path, os.path.exists(path), folder_exists=folder)
