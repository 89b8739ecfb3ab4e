"""What a lint run comes to: the findings, and what could not be done. Plain data, as workers and the cache keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from torchdoctor import catalogue
from torchdoctor.finding import Edit, Finding, Mark, Span
from torchdoctor.rule import SEVERITIES


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """Something that could not be done. ``line`` is 0 where there is no line to name."""

    path: str
    message: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Examined:
    """One file, looked at: its absolute path, the digest of its bytes, what was found, and what could not be done.

    ``asked`` are the other files that the findings rest on, as facts.neighbours writes them down. ``lasting`` is False
    where another attempt may end otherwise, so that the result is not kept.
    """

    path: str
    digest: str
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    asked: dict[str, str | None] = field(default_factory=dict)
    lasting: bool = True


@dataclass
class Report:
    """The findings of a run, in order of place, and what could not be done. A sequence of its findings.

    ``left_out`` says how many more there are that were not asked for, and why: "3 more are known to the-baseline.json".
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return bool(self.findings)

    def exit_code(self, fail_on: str) -> int:
        """0 clean, 1 findings of that severity or worse, 2 something could not be done."""
        if self.failures:
            return 2
        if fail_on == "never":
            return 0
        bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
        return int(any(severity(finding) in bad for finding in self.findings))


def severity(finding: Finding) -> str:
    """The severity that the page of the finding's rule gives it."""
    return catalogue.rule(finding.rule).severity


def fix(finding: Finding) -> str:
    """How far the finding's own edits can be trusted: safe, unsafe, or none where it has no edits."""
    return catalogue.rule(finding.rule).fix if finding.edits else "none"


def mendable(findings: Sequence[Finding], *, unsafe: bool) -> list[Finding]:
    """Those that ``--fix`` (and ``--unsafe-fixes``) would mend."""
    allowed = ("safe", "unsafe") if unsafe else ("safe",)
    return [finding for finding in findings if fix(finding) in allowed]


def relabelled(finding: Finding, name: Callable[[str], str]) -> Finding:
    """The finding with each path renamed."""

    def place(at: Span) -> Span:
        return replace(at, path=name(at.path))

    return replace(
        finding,
        at=finding.at and place(finding.at),
        marks=tuple(Mark(place(mark.at), mark.text) for mark in finding.marks),
        edits=tuple(Edit(place(edit.at), edit.text) for edit in finding.edits),
    )
