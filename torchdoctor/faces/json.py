"""Findings as JSON: the form that other programs rely on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePath
from typing import Any

from torchdoctor import catalogue
from torchdoctor.finding import Finding, Span
from torchdoctor.project.report import Failure, Report, fix, severity


def render(report: Report) -> str:
    """The whole report, in ASCII, so that it passes through every console and pipe."""
    return _dump({"version": 1, "findings": [finding(f) for f in report.findings], **_rest(report)})


def statistics(report: Report) -> str:
    """How many findings of each rule."""
    counts = Counter(f.rule for f in report.findings)
    rows = [{"rule": name, "severity": catalogue.rule(name).severity, "count": n} for name, n in counts.most_common()]
    return _dump({"version": 1, "statistics": rows, **_rest(report)})


def finding(f: Finding) -> dict[str, Any]:
    """One finding, the same wherever JSON holds findings."""
    rule = catalogue.rule(f.rule)
    return {
        "rule": f.rule,
        "topic": rule.topic,
        "severity": severity(f),
        "message": f.message,
        **_place(f.at),
        "marks": [{**_place(mark.at), "text": mark.text} for mark in f.marks],
        "evidence": list(f.evidence),
        "cure": rule.cure,
        "fix": fix(f),
    }


def forward(path: str) -> str:
    """A path with forward slashes, as machines read it on every system."""
    return PurePath(path).as_posix()


def _place(at: Span | None) -> dict[str, Any]:
    if at is None:
        return dict.fromkeys(("path", "line", "column", "end_line", "end_column"))
    return {
        "path": forward(at.path),
        "line": at.line,
        "column": at.column,
        "end_line": at.end_line,
        "end_column": at.end_column,
    }


def _rest(report: Report) -> dict[str, Any]:
    return {"files": report.files, "errors": [_error(failure) for failure in report.failures]}


def _error(failure: Failure) -> dict[str, Any]:
    return {"path": forward(failure.path), "message": failure.message}


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
