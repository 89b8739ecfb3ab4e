"""A failure and what is told of it as JSON: the report of ``torchdoctor run``, and of ``torchdoctor explain -``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from torchdoctor.faces.json import finding
from torchdoctor.finding import Finding
from torchdoctor.record import Failure
from torchdoctor.record_json import plain


def report(failure: Failure | None, findings: Sequence[Finding]) -> str:
    """The report of one run; the failure is null where it ended well. In ASCII, and never NaN: any parser reads it."""
    return _dump({"version": 1, **explained(failure, findings)})


def log(explanations: Sequence[tuple[Failure, Sequence[Finding]]]) -> str:
    """The failures of a log: the first one as in the report of a run, and all of them, itself included."""
    first = explained(*explanations[0]) if explanations else explained(None, ())
    return _dump({"version": 1, **first, "failures": [explained(*one) for one in explanations]})


def explained(failure: Failure | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """A failure's record and the findings on it."""
    return {
        "failure": plain(failure) if failure is not None else None,
        "findings": [{**finding(found), "cures": list(found.cures)} for found in findings],
    }


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
