"""A failure and what is told of it as JSON: the report of ``torchdoctor run``, and of ``torchdoctor explain -``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from torchdoctor.faces.json import finding
from torchdoctor.finding import Finding
from torchdoctor.record import Failure

_DEEPEST = 40


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


def plain(value: Any, depth: int = 0) -> Any:
    """A record as dictionaries and lists; what is at its default is left out."""
    if depth > _DEEPEST:
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: plain(held, depth + 1)
            for one in fields(value)
            if one.init and not _default(one, held := getattr(value, one.name))
        }
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _default(one: Any, held: Any) -> bool:
    if one.default is not MISSING:
        return bool(type(held) is type(one.default) and held == one.default)
    return one.default_factory is not MISSING and not held


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
