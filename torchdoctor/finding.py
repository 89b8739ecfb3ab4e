"""What every detector gives: a finding, its place, the other places that matter, and the edits that mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a file. Lines and columns count from 1, columns in characters; the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def start(self) -> tuple[int, int]:
        return self.line, self.column

    @property
    def end(self) -> tuple[int, int]:
        return self.end_line, self.end_column


@dataclass(frozen=True, slots=True)
class Mark:
    """A second place, and why it matters: "made a view here"."""

    at: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``text`` where ``at`` is. An empty span inserts, an empty text removes."""

    at: Span
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One ailment in one place.

    ``message`` says what is so in this code, in one line and without advice; the advice (the cure), the severity
    and whether the edits are safe belong to the rule's page and are looked up by ``rule``. Where a run tells the
    numbers, ``cures`` are the advice for this very case, the likeliest first.
    """

    rule: str
    message: str
    at: Span | None
    marks: tuple[Mark, ...] = ()
    evidence: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    cures: tuple[str, ...] = ()

    @property
    def sort_key(self) -> tuple[Any, ...]:
        at = self.at or Span("", 0, 0, 0, 0)
        return at.path, at.line, at.column, self.rule, self.message
