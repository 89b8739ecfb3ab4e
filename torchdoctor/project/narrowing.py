"""Which of the findings are told: those that the baseline does not know, and that came with what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torchdoctor.baseline import Entry
from torchdoctor.finding import Finding
from torchdoctor.fingerprint import Text
from torchdoctor.project.changes import Changes
from torchdoctor.project.known import Known, Looked
from torchdoctor.project.past import Past
from torchdoctor.project.shown import shown
from torchdoctor.project.source import text_of

_NAMED = 3  # so many of what is gone are named


@dataclass
class Since:
    """What has changed, and what was there before; ``rules_for`` gives the rules that hold for a file."""

    changes: Changes
    past: Past
    rules_for: Callable[[str], frozenset[str]]
    older: int = 0

    def prepare(self, found: Iterable[tuple[str, Sequence[Finding]]]) -> None:
        """Look at what was there in these files, where that will be asked: all at once is faster."""
        asked = [path for path, findings in found if len(self.changes.touched(findings, path)) < len(findings)]
        self.past.look([(path, self.rules_for(path)) for path in asked])

    def told(
        self, path: str, findings: Sequence[Finding], text: str | None = None, *, reached: bool = True
    ) -> list[Finding]:
        """Those of one file's findings that lie on changed lines, or that were not there before.

        What is not ``reached`` by any change was there.
        """
        told = self.changes.touched(findings, path, text)
        if reached and len(told) < len(findings):
            self.past.look([(path, self.rules_for(path))])
            reader = Text(text_of(path) if text is None else text)
            told |= self.past.lacked(path, [reader.fingerprint(finding) for finding in findings])
        self.older += len(findings) - len(told)
        return [finding for index, finding in enumerate(findings) if index in told]


@dataclass
class Narrowing:
    """What is left out of a run's findings. Neither part is needed; both count what they leave out."""

    known: Known | None = None
    since: Since | None = None

    def narrowed(self, path: str, findings: Sequence[Finding], text: str | None = None) -> list[Finding]:
        """What is told of one file's findings. ``path`` is absolute, ``text`` the file's, where not as on disk."""
        unknown = self.unknown(path, findings, text)
        return unknown if self.since is None else self.since.told(path, unknown, text)

    def unknown(self, path: str, findings: Sequence[Finding], text: str | None = None) -> list[Finding]:
        """What the baseline does not know. It comes first: it counts, and must see them all."""
        if self.known is None or not self.known.speaks_of(path):
            return list(findings)
        return self.known.unknown(path, text_of(path) if text is None else text, findings)

    def said(self) -> list[str]:
        """How many were left out, and why."""
        said = []
        if self.known is not None and self.known.count:
            said.append(f"{_more(self.known.count)} known to {shown(str(self.known.path))}")
        if self.since is not None and self.since.older:
            said.append(f"{_more(self.since.older)} older than the changes since {self.since.changes.since}")
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
