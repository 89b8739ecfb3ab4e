"""Which of the findings are told: those that the baseline does not know, and that lie on lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchdoctor.baseline import Entry
from torchdoctor.finding import Finding
from torchdoctor.project.changes import Changes
from torchdoctor.project.known import Known, Looked
from torchdoctor.project.shown import shown
from torchdoctor.project.source import text_of

_NAMED = 3  # so many of what is gone are named


@dataclass
class Narrowing:
    """What is left out of a run's findings. Neither part is needed; both count what they leave out."""

    known: Known | None = None
    changes: Changes | None = None

    def narrowed(self, path: str, findings: Sequence[Finding], text: str | None = None) -> list[Finding]:
        """What is told of one file's findings; paths are absolute. ``text`` is the file's, where it is not as on disk.

        The baseline comes first: it counts, and must see them all.
        """
        left = list(findings)
        if self.known is not None and self.known.speaks_of(path):
            left = self.known.unknown(path, text_of(path) if text is None else text, left)
        if self.changes is not None:
            left = self.changes.within(left, path, text)
        return left

    def said(self) -> list[str]:
        """How many were left out, and why."""
        said = []
        if self.known is not None and self.known.count:
            said.append(f"{_more(self.known.count)} known to {shown(str(self.known.path))}")
        if self.changes is not None and self.changes.count:
            said.append(f"{_more(self.changes.count)} on lines that have not changed since {self.changes.since}")
        return said

    def outdated(self, looked: Looked) -> str:
        """What is to be said of findings that the baseline knows and that are gone; "" where all are there."""
        gone = self.known.stale(looked) if self.known is not None else []
        if self.known is None or not gone:
            return ""
        names = list(dict.fromkeys(_named(entry) for entry in gone))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        which = f"{', '.join(names[:_NAMED])}{more}"
        number = "1 finding is" if len(gone) == 1 else f"{len(gone)} findings are"
        return (
            f"{number} gone that {shown(str(self.known.path))} knows ({which}): --write-baseline takes out what is gone"
        )


def _more(number: int) -> str:
    return f"{number} more {'is' if number == 1 else 'are'}"


def _named(entry: Entry) -> str:
    return f"{entry.known_by.rule} in {entry.path}"
