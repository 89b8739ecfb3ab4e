"""Findings of a trial or a guard as one exception, an AssertionError: its text is the findings for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchdoctor.finding import Finding


class Violated(AssertionError):
    """What was asserted does not hold: ``findings`` say what, where and why, ``notes`` what could not be looked at.

    The text holds the findings in full.
    """

    def __init__(self, title: str, findings: Sequence[Finding], notes: Iterable[str] = ()) -> None:
        self.title, self.findings, self.notes = title, tuple(findings), tuple(notes)
        super().__init__(title, self.findings, self.notes)

    def __str__(self) -> str:
        return f"{self.title}\n\n{told(self.findings)}{noted(self.notes)}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.title, self.findings, self.notes)


def told(findings: Iterable[Finding], *, color: bool = False, width: int = 100) -> str:
    """The findings for people: the code, what is wrong in it, and what to do."""
    from torchdoctor.faces.paint import Paint
    from torchdoctor.faces.text import finding
    from torchdoctor.faces.told import ShownLines

    lines, paint = ShownLines(), Paint(color, width)
    return "".join(f"{row.rstrip()}\n" for one in findings for row in (*finding(lines.renamed(one), lines, paint), ""))


def noted(notes: Iterable[str]) -> str:
    """What could not be looked at, a line each."""
    return "".join(f"note: {note}\n" for note in dict.fromkeys(notes))
