"""``torchdoctor facts``: what is known at a place of a file, and why."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, wants_color, width_of

if TYPE_CHECKING:
    from torchdoctor.facts.place import Place

HELP = """Show what torchdoctor knows of the expressions on a line, and which code made it so.

\b
Examples:
  torchdoctor facts train.py:42              all that stands on line 42
  torchdoctor facts train.py:42:13           the expression at column 13
  torchdoctor facts train.py:42 --format json

For a tensor: shape, memory layout, dtype, device, gradient, scale. For a module: how it was made. Further the grad mode
and the train or eval mode just before the statement, and the calls through which its function was seen. What is not
told is not known, and of what is not known no rule speaks.
"""
_PLACE = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?::(?P<column>\d+))?", re.DOTALL)


@click.command("facts", help=HELP, short_help="Show what is known at a line, and why.")
@click.argument("place", metavar="FILE:LINE[:COL]")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to show it.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
def command(place: str, format_: str, color: str) -> None:
    from torchdoctor.faces import facts as face

    path, line, column = split(place)
    text, found = look(path, line, column)
    if format_ == "json":
        say(face.as_json(found, path, line, column))
    else:
        code = text[line - 1] if line <= len(text) else ""
        say(face.render(found, place, code, Paint(wants_color(color, sys.stdout), width_of(sys.stdout))))


def split(place: str) -> tuple[str, int, int | None]:
    """ "C:\\train.py:42:13" to its path, line and column. Raises TorchdoctorError."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise TorchdoctorError(f"{place!r} is no place: write FILE:LINE or FILE:LINE:COLUMN, as train.py:42")
    line, column = int(found["line"]), int(found["column"]) if found["column"] else None
    if line == 0 or column == 0:
        raise TorchdoctorError(f"{place!r} is no place: lines and columns count from 1")
    return found["path"], line, column


def look(path: str, line: int, column: int | None) -> tuple[list[str], Place]:
    """The file's lines, and what is known there. Raises TorchdoctorError where there is no such place."""
    from torchdoctor.config import load
    from torchdoctor.faces.lines import split_lines
    from torchdoctor.facts.place import known_at
    from torchdoctor.project.examiner import Examiner
    from torchdoctor.project.run import Run
    from torchdoctor.project.source import Unreadable
    from torchdoctor.project.stack import deep

    whole = Path(path).absolute()
    run = Run(load([whole]), [whole])
    try:
        file = deep(lambda: Examiner(run.roots).open(str(whole)))
    except Unreadable as error:
        raise TorchdoctorError(f"{path}: {error}") from None
    lines = split_lines(file.text)
    if line > len(lines):
        raise TorchdoctorError(f"{path} has no line {line}: it has {len(lines)}")
    if column is not None and column > len(lines[line - 1]):
        raise TorchdoctorError(f"line {line} of {path} has no column {column}: it has {len(lines[line - 1])}")
    return lines, deep(lambda: known_at(file, line, column))
