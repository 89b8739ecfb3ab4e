"""Doctests: Python compiles each example under a name of its own, and it stands in a file all the same; and pytest
tells of their failures in a form of its own."""

from __future__ import annotations

import doctest
import linecache
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from _pytest._code.code import TerminalRepr

from torchdoctor.finding import Span
from torchdoctor.record import Failure, FrameRecord

_NAME = re.compile(r"<doctest .*\[(\d+)\]>")


@dataclass(eq=False)
class Followed(TerminalRepr):
    """The text of a failure that takes no sections, with one behind it; all else is asked of the text itself."""

    text: Any
    title: str
    section: str

    def toterminal(self, tw: Any) -> None:
        self.text.toterminal(tw)
        tw.sep("-", self.title)
        tw.line(self.section)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "text" not in vars(self):
            raise AttributeError(name)
        return getattr(self.text, name)


@contextmanager
def readable(test: doctest.DocTest) -> Iterator[None]:
    """While this lasts the text of the examples is found by their names."""
    names = {f"<doctest {test.name}[{index}]>": one.source for index, one in enumerate(test.examples)}
    lines = {name: text.splitlines(keepends=True) for name, text in names.items()}
    linecache.cache.update({name: (len(names[name]), None, lines[name], name) for name in names})
    try:
        yield
    finally:
        for name in names:
            linecache.cache.pop(name, None)


def placed(failure: Failure, test: doctest.DocTest) -> Failure:
    """The failure with the frames of examples where they stand in their file."""
    return replace(failure, frames=tuple(_placed(frame, test) for frame in failure.frames))


def _placed(frame: FrameRecord, test: doctest.DocTest) -> FrameRecord:
    found = _NAME.fullmatch(frame.path)
    if found is None or test.filename is None or test.lineno is None or int(found[1]) >= len(test.examples):
        return frame
    example = test.examples[int(found[1])]
    line, column, path = test.lineno + example.lineno, example.indent + 4, test.filename  # 4: the prompt
    at = frame.at and Span(
        path, frame.at.line + line, frame.at.column + column, frame.at.end_line + line, frame.at.end_column + column
    )
    text = f"{' ' * example.indent}{'>>>' if frame.line == 1 else '...'} {frame.text}"
    return replace(frame, path=path, line=frame.line + line, at=at, text=text)
