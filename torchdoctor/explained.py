"""Holds what is told of a failure to what its page says: the rule comes first, and the words keep the style."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import TypeVar

from torchdoctor.diagnose import diagnose, examine
from torchdoctor.finding import Finding
from torchdoctor.probes.failure import failure_of
from torchdoctor.project.tracefiles import TraceFiles
from torchdoctor.record_json import restored
from torchdoctor.sign import all_signs, record_signs
from torchdoctor.style import unstylish

R = TypeVar("R")


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


def record_fault(rule: str, word: str, text: str) -> str:
    """What is wrong with a page's block that holds a record as JSON; "" where it is as the page says.

    ``word`` is "record", then the rule is found in it, or "healthy", then no rule at all is. A rule may have signs of
    several kinds of records: the block is of those whose form it has.
    """
    kinds = dict.fromkeys(sign.kind for sign in record_signs() if sign.rule == rule)
    if word not in ("record", "healthy"):
        return f"a JSON block of a page is `record` or `healthy`; this one is {word or 'none'!r}"
    if not kinds:
        return f"{rule} has no sign that reads records: nothing can be found in this block"
    records: list[object] = []
    faults: list[str] = []
    for kind in kinds:
        try:
            records.append(record_in(kind, text))
        except ValueError as error:
            faults.append(str(error))
    if not records:
        return "\n".join(faults)
    found = [finding for record in records for finding in examine(record)]
    told = "\n".join(f"  {finding.rule}: {finding.message}" for finding in found) or "  nothing"
    if word == "healthy" and found:
        return f"nothing is found in this record, says the page; told is\n{told}"
    if word == "record" and rule not in {finding.rule for finding in found}:
        return f"{rule} is found in this record, says the page; told is\n{told}"
    return "\n".join(fault for finding in found for fault in unstylish_words(finding))


def record_in(kind: type[R], text: str) -> R:
    """The record of this kind that a page's block holds as JSON. Raises ValueError where the block is of another kind.

    What is restored passes over what it has no field for; here that would be a slip, or another kind's record.
    """
    try:
        record = restored(kind, data := json.loads(text))
    except ValueError as error:
        raise ValueError(f"the block is no {kind.__name__}: {error}") from None
    if strange := sorted(set(data) - {one.name for one in fields(kind)}):  # type: ignore[arg-type]
        raise ValueError(f"the block is no {kind.__name__}, which has no {', '.join(strange)}")
    return record


def unstylish_words(finding: Finding) -> Iterator[str]:
    """What is wrong with the style of a finding's words."""
    for text in (finding.message, *(mark.text for mark in finding.marks), *finding.evidence):
        if wrong := unstylish(text):
            yield f"{wrong}: {text!r}"
    for text in finding.cures:
        if not text or "\n" in text or text.endswith(".") or text.count("`") % 2 or re.match(r"[A-Z][a-z]+ ", text):
            yield f"a cure is one line, begins lower-case, has no final period and closes its backticks: {text!r}"
