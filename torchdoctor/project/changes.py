"""The lines that have changed since a commit, and which findings lie on them."""

from __future__ import annotations

import difflib
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchdoctor.finding import Finding, Span
from torchdoctor.project.discovery import SUFFIXES
from torchdoctor.project.git import ALL, Git, Lines
from torchdoctor.project.past import Tree
from torchdoctor.project.source import text_of

_NEWLINE = re.compile(r"\r\n?|\n")


@dataclass
class Changes:
    """The changed lines of each file that has any, by real path; files that are gone; and what was there before."""

    since: str
    files: dict[str, Lines] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    trees: list[Tree] = field(default_factory=list)

    def touched(self, findings: Sequence[Finding], path: str, text: str | None = None) -> set[int]:
        """Those whose place, or one of whose marks, meets a changed line, and those without a place, by their index.

        ``text`` is what the file at ``path`` is to become, where that is not what it holds: what differs has changed.
        """
        here = None if text is None else _moved(self.of(path), text_of(path), text)

        def meets(at: Span) -> bool:
            lines = here if here is not None and at.path == path else self.of(at.path)
            return any(first <= at.end_line and at.line <= last for first, last in lines)

        return {
            index
            for index, found in enumerate(findings)
            if found.at is None or meets(found.at) or any(meets(mark.at) for mark in found.marks)
        }

    def of(self, path: str) -> Lines:
        return self.files.get(os.path.realpath(path), [])

    @property
    def reach_python(self) -> bool:
        """Whether any file of Python has changed, or is gone."""
        return any(path.endswith(SUFFIXES) for path in (*self.files, *self.gone))

    def speak_of(self, path: str) -> bool:
        """Whether a file has changed, or is gone."""
        real = os.path.realpath(path)
        return real in self.files or real in self.gone


def changes_since(revision: str, places: Iterable[Path]) -> Changes:
    """What has changed in the repositories of these places, committed or not, since they left this revision.

    As for a pull request, what came into the revision meanwhile does not count. Raises TorchdoctorError.
    """
    changes = Changes(revision)
    for git in dict.fromkeys(Git.around(place) for place in places):
        commit = git.left(revision)
        diff = git.diff(commit)
        changes.files.update(diff.lines)
        changes.gone |= diff.gone
        changes.trees.append(Tree(git, commit, diff.renamed))
    return changes


def _moved(changed: Lines, before: str, after: str) -> Lines:
    """The changed lines of a text that an edit turned into another; what the edit touched is changed as well."""
    if not before or changed == ALL:
        return ALL
    if before == after:
        return changed
    old, new = _NEWLINE.split(before), _NEWLINE.split(after)
    moved: Lines = []
    for kind, start, end, to, to_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            moved.append((to + 1, max(to_end, to + 1)))
            continue
        moved += [(max(a, start + 1) + to - start, min(b, end) + to - start) for a, b in _between(changed, start, end)]
    return sorted(moved)


def _between(lines: Lines, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches that meet lines start + 1 to end."""
    for first, last in lines[: bisect_right(lines, (end, 1 << 60))]:
        if last > start:
            yield first, last
