"""Code with what is to be seen in it: lines with their numbers, the places underlined, and what is said of each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from torchdoctor.faces.lines import Lines
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Span

_WHOLE = 4  # a place of so many lines is shown whole; of a longer one, its first line
_CUT = "..."


@dataclass(frozen=True)
class Note:
    """A place to underline, with what is said there. The main place of a finding carries its severity as style.

    ``below`` are further rows, each shown as it is: what the values at that place were.
    """

    at: Span
    text: str = ""
    style: str = "frame"
    below: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        return "-" if self.style == "frame" else "^"


def frames(notes: Sequence[Note], lines: Lines, paint: Paint) -> Iterator[str]:
    """The rows for these places: one frame a file, that of the first place first."""
    notes = [note for note in notes if lines.line(note.at.path, note.at.line) or note.style != "frame"]
    paths = list(dict.fromkeys(note.at.path for note in notes))
    gutter = len(str(max((_last(note.at) for note in notes), default=1)))
    for index, path in enumerate(paths):
        here = [note for note in notes if note.at.path == path]
        first = here[0].at
        arrow = "-->" if index == 0 else ":::"
        yield f"{' ' * gutter}{paint('frame', arrow)} {path}:{first.line}:{first.column}"
        yield from _frame(here, lines, paint, gutter)


def _frame(notes: Sequence[Note], lines: Lines, paint: Paint, gutter: int) -> Iterator[str]:
    parts = sorted(
        (part for note in notes for part in _parts(note, lines)),
        key=lambda part: (part.line, part.note.style == "frame", part.start),
    )
    if not parts:
        return
    bar = paint("frame", f"{' ' * gutter} |")
    room = paint.width - gutter - 4
    yield bar
    before = parts[0].line
    for number, group in groupby(parts, key=lambda part: part.line):
        path = notes[0].at.path
        if number == before + 2:
            yield _numbered(number - 1, _Row(lines.line(path, number - 1), 0, room), gutter, paint)
        elif number > before + 2:
            yield paint("frame", _CUT)
        here = list(group)
        row = _Row(lines.line(path, number), here[0].start, room)
        yield _numbered(number, row, gutter, paint)
        for part in here:
            yield from (f"{bar} {line}" for line in row.underline(part, paint))
        for part in here:
            yield from (f"{bar} {line}" for line in row.below(part, paint))
        before = number
    yield bar


def _numbered(number: int, row: _Row, gutter: int, paint: Paint) -> str:
    return f"{paint('frame', f'{number:>{gutter}} |')} {row.text}".rstrip()


@dataclass(frozen=True)
class _Part:
    """What of a note falls on one line: columns from 0, end exclusive; the text is said on its last line."""

    note: Note
    line: int
    start: int
    end: int
    text: str
    below: tuple[str, ...] = ()


def _parts(note: Note, lines: Lines) -> Iterator[_Part]:
    at = note.at
    if not lines.of(at.path):
        return
    whole = at.end_line - at.line < _WHOLE
    for number in range(at.line, _last(at) + 1):
        line = lines.line(at.path, number)
        start = at.column - 1 if number == at.line else len(line) - len(line.lstrip())
        end = at.end_column - 1 if number == at.end_line else len(line.rstrip())
        if number == at.end_line and at.end_column == 1 and number > at.line:
            continue
        text = note.text if number == _last(at) else ""
        if not whole:
            text = f"{text} (to line {at.end_line})".strip()
        if start < end or number == at.line:
            below = note.below if number == _last(at) else ()
            yield _Part(note, number, start, max(end, start + 1), text, below)


def _last(at: Span) -> int:
    return at.end_line if at.end_line - at.line < _WHOLE else at.line


class _Row:
    """One line of code as it is shown: what would be too wide is cut, so that the place to see stays in view."""

    def __init__(self, line: str, start: int, room: int) -> None:
        self.line = line
        self.room = room
        self.shift = 0
        text = visible(line)
        wide = cells(text) > room
        if wide and self._cells(start) > room * 2 // 3:
            self.shift = self._cells(start) - room // 3
        self.text = _window(text, self.shift, room) if wide else text

    def underline(self, part: _Part, paint: Paint) -> Iterator[str]:
        """The sign below the place, and what is said there: behind it, or below where that is too wide."""
        start = min(max(self._cells(part.start) - self.shift, 0), self.room - 1)
        end = min(max(self._cells(part.end) - self.shift, start + 1), self.room)
        sign = part.note.sign * (end - start)
        style = part.note.style
        if end + 1 + cells(part.text) <= self.room:
            yield " " * start + paint(style, f"{sign} {part.text}".rstrip())
            return
        yield " " * start + paint(style, sign)
        indent = min(start, self.room // 3)
        for row in textwrap.wrap(part.text, max(self.room - indent, 20)):
            yield " " * indent + paint(style, row)

    def below(self, part: _Part, paint: Paint) -> Iterator[str]:
        """The rows below a place, beginning where it does as far as there is room."""
        if not part.below:
            return
        start = min(max(self._cells(part.start) - self.shift, 0), self.room - 1)
        widest = max(map(cells, part.below))
        indent = max(min(start, self.room - widest), 0)
        for row in part.below:
            yield " " * indent + paint("plain", _window(row, 0, self.room))

    def _cells(self, column: int) -> int:
        beyond = max(column - len(self.line), 0)
        return cells(visible(self.line[:column])) + beyond


def _window(text: str, shift: int, room: int) -> str:
    """The columns from ``shift`` on, as many as there is room for, with dots where something is cut off."""
    out, column = [], 0
    for character in text:
        wide = cells(character)
        if column >= shift and column + wide <= shift + room:
            out.append(character)
        elif column < shift < column + wide:
            out.append(" " * (column + wide - shift))  # half of a wide character
        column += wide
    shown = "".join(out)
    if shift:
        shown = _CUT + _without_first(shown, len(_CUT))
    if column > shift + room:
        while cells(shown) > room - len(_CUT):
            shown = shown[:-1]
        shown += _CUT
    return shown


def _without_first(text: str, columns: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        if taken >= columns:
            return " " * (taken - columns) + text[index:]
        taken += cells(character)
    return ""
