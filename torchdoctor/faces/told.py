"""The lines of the code that failed, as it was when it ran."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from dataclasses import replace

from torchdoctor.faces.lines import Lines
from torchdoctor.finding import Finding, Mark, Span
from torchdoctor.project.shown import shown
from torchdoctor.record import Failure, FrameRecord


def every(failure: Failure) -> Iterator[Failure]:
    """A failure, and all that it was raised from."""
    yield failure
    for cause in failure.causes:
        yield from every(cause)


class ShownLines(Lines):
    """Lines by the names under which files are shown: relative to where we are; of a notebook, the cell's."""

    def __init__(self) -> None:
        super().__init__()
        self._paths: dict[str, str] = {}

    def shown(self, at: Span) -> Span:
        """A place with the name under which its file is shown."""
        name = _cell(at.path) or shown(at.path)
        self._paths[name] = at.path
        return replace(at, path=name)

    def renamed(self, found: Finding) -> Finding:
        """A finding whose places have these names."""
        marks = tuple(Mark(self.shown(mark.at), mark.text) for mark in found.marks)
        return replace(found, at=self.shown(found.at) if found.at is not None else None, marks=marks)

    def of(self, path: str) -> list[str]:
        path = self._paths.get(path, path)
        found = super().of(path)
        return found if any(found) else [line.rstrip("\r\n") for line in linecache.getlines(path)]


class ToldLines(ShownLines):
    """Lines of a failure, by the names under which files are shown.

    A frame's own text goes before what the file says now: the log may be of another machine, the file may have been
    changed or be gone. Cells of notebooks are in no file, and linecache knows them.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self._told: dict[tuple[str, int], str] = {}
        for frame in (frame for one in every(failure) for frame in one.frames if frame.text):
            if self._now(frame.path, frame.line).strip() != frame.text.strip():
                self._told[frame.path, frame.line] = frame.text
        self._changed = {path for path, _ in self._told}

    def fitted(self, at: Span, frame: FrameRecord | None) -> Span:
        """A place of which only the line is known, fitted to the code on it."""
        if frame is None or frame.at is not None:
            return at
        line = self.line(at.path, at.line)
        return replace(at, column=len(line) - len(line.lstrip()) + 1, end_column=max(len(line.rstrip()), 1) + 1)

    def of(self, path: str) -> list[str]:
        path = self._paths.get(path, path)
        return self._all(path) or ([""] if path in self._changed else [])

    def line(self, path: str, number: int) -> str:
        path = self._paths.get(path, path)
        if (path, number) in self._told:
            return self._told[path, number]
        return "" if path in self._changed else self._now(path, number)  # a changed file is not the one that ran

    def _now(self, path: str, number: int) -> str:
        lines = self._all(path)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def _all(self, path: str) -> list[str]:
        return super().of(path)


def _cell(path: str) -> str:
    """ "Cell In[5]" for the file that IPython has made up for a cell; "" for others."""
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return ""
    try:
        kind, name = ipython.get_ipython().compile.format_code_name(path)
        return f"{kind} {name}" if kind != "File" else ""
    except Exception:  # no shell, an older IPython, or not a cell
        return ""
