"""Holds what is told of a failure to what its page says: the rule comes first, and the words keep the style."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.diagnose import diagnose
from torchdoctor.finding import Finding
from torchdoctor.probes.failure import failure_of
from torchdoctor.project.tracefiles import TraceFiles
from torchdoctor.sign import all_signs
from torchdoctor.style import unstylish


def faults(rule: str, error: BaseException) -> Iterator[tuple[int, str]]:
    """What is wrong with what is told of an exception that a page of ``rule`` has brought about.

    Nothing where the rule has no sign.

    With each fault the line of the exception's file that it is about, 0 where it has none. What the text alone tells
    is held to the style too.
    """
    if rule not in {sign.rule for sign in all_signs()}:
        return
    failure = failure_of(error)
    found = diagnose(failure, open_file=TraceFiles())
    named = [finding.rule for finding in found]
    line = found[0].at.line if found and found[0].at is not None else 0
    if not named or named[0] != rule:
        told = f"it names {', '.join(named)}" if named else f"nothing is told of it (blame: {failure.blame!r})"
        yield (
            line,
            f"explaining this failure names {rule} first, says the page; {told}\n{type(error).__name__}: {error}",
        )
    for finding in [*found, *diagnose(failure.as_text())]:
        yield from ((line, fault) for fault in unstylish_words(finding))


def unstylish_words(finding: Finding) -> Iterator[str]:
    """What is wrong with the style of a finding's words."""
    for text in (finding.message, *(mark.text for mark in finding.marks), *finding.evidence):
        if wrong := unstylish(text):
            yield f"{wrong}: {text!r}"
    for text in finding.cures:
        if not text or "\n" in text or text.endswith(".") or text.count("`") % 2 or re.match(r"[A-Z][a-z]+ ", text):
            yield f"a cure is one line, begins lower-case, has no final period and closes its backticks: {text!r}"
