"""The source facts of the files of a traceback, read when a failure is told."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_LONGEST = 400_000  # characters: the facts of a longer file take longer than anybody waits for an explanation


class TraceFiles:
    """Opens files by the paths that frames have, each once; also the cells of a notebook, which linecache knows."""

    def __init__(self) -> None:
        self._files: dict[str, File | None] = {}

    def __call__(self, path: str) -> File | None:
        """The facts of a file; None where it cannot be read, is not Python, or is very long."""
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> File | None:
        text = "".join(linecache.getlines(path))
        if not text or len(text) > _LONGEST:
            return None
        from torchdoctor.facts.file import File

        try:
            return File(text, path)
        except Exception:  # not Python, or nested too deep for the parser
            return None
