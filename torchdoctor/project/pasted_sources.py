"""A pasted traceback's files, where they lie here: at their path, or the same below where we are.

A file counts only where each of its lines that the traceback shows stands in it, letter for letter: another version of
it would put the marks on the wrong lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from torchdoctor.finding import Span
from torchdoctor.record import Failure, FrameRecord

_SEPARATORS = re.compile(r"[\\/]+")
_LARGEST = 2_000_000  # bytes


def located(failure: Failure, folder: str | None = None) -> Failure:
    """The failure with the paths and columns of the files that were found; ``folder`` is where we are."""
    where = Path(folder or os.getcwd())
    found: dict[str, tuple[str, list[str]] | None] = {}
    for path in dict.fromkeys(frame.path for frame in failure.frames if frame.user):
        shown = [frame for frame in failure.frames if frame.path == path]
        found[path] = next((one for one in _files(path, where) if _holds(one[1], shown)), None)
    frames = tuple(_placed(frame, found.get(frame.path)) for frame in failure.frames)
    return replace(failure, frames=frames, causes=tuple(located(cause, folder) for cause in failure.causes))


def candidates(path: str, where: Path) -> Iterator[Path]:
    """Where a file of this path may lie: there, or with fewer and fewer of its folders below where we are.

    The path may be another machine's, with whatever separators and drive.
    """
    if not path or path.startswith("<"):
        return
    yield where / path
    parts = [part for part in _SEPARATORS.split(path) if part not in ("", ".", "..") and not part.endswith(":")]
    for start in range(len(parts)):
        yield where.joinpath(*parts[start:])


def _files(path: str, where: Path) -> Iterator[tuple[str, list[str]]]:
    for one in dict.fromkeys(candidates(path, where)):
        try:
            if one.is_file() and one.stat().st_size <= _LARGEST:
                yield str(one), one.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):  # unreadable, not text, no path that this system knows
            continue


def _holds(lines: list[str], shown: list[FrameRecord]) -> bool:
    """Whether the lines that the traceback shows are this file's."""
    told = [frame for frame in shown if frame.text]
    return bool(told) and all(_is_line(lines, frame) for frame in told)


def _is_line(lines: list[str], frame: FrameRecord) -> bool:
    if not 0 < frame.line <= len(lines):
        return False
    line, text = lines[frame.line - 1].strip(), " ".join(frame.text.split())
    return bool(line) and (text == " ".join(line.split()) or text.startswith(" ".join(line.split()) + " "))


def _placed(frame: FrameRecord, found: tuple[str, list[str]] | None) -> FrameRecord:
    """The frame in the file: its marks count from the beginning of the line there."""
    if found is None:
        return frame
    path, lines = found
    row = lines[frame.line - 1] if 0 < frame.line <= len(lines) else ""
    indent = len(row) - len(row.lstrip())
    at = frame.at
    if at is not None:
        at = Span(path, at.line, at.column + indent, at.end_line, at.end_column + indent)
    elif row.strip():
        at = Span(path, frame.line, indent + 1, frame.line, len(row.rstrip()) + 1)
    return replace(frame, path=path, text=row or frame.text, at=at)
