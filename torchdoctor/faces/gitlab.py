"""Findings as GitLab's Code Quality report: an array of what GitLab takes from the form of Code Climate."""

from __future__ import annotations

import json
from typing import Any

from torchdoctor import catalogue
from torchdoctor.faces.json import forward
from torchdoctor.faces.lines import Lines
from torchdoctor.finding import Finding
from torchdoctor.fingerprint import digest, digests
from torchdoctor.project.report import Failure, Report, severity

_SEVERITIES = {"error": "critical", "warning": "major", "note": "minor"}


def render(report: Report, lines: Lines) -> str:
    """The whole report, in ASCII. GitLab compares fingerprints: what is there before and after a change is not new."""
    names = digests(report.findings, lines.text)
    issues = [_issue(found, name) for found, name in zip(report.findings, names, strict=True)]
    issues += [_trouble(failed) for failed in dict.fromkeys(report.failures)]
    return json.dumps(issues, indent=2) + "\n"


def _issue(found: Finding, fingerprint: str) -> dict[str, Any]:
    rule = catalogue.rule(found.rule)
    at = found.at
    return {
        "type": "issue",
        "check_name": found.rule,
        "description": f"{found.rule}: {found.message}",
        "content": {"body": "\n".join([*_marks(found), *found.evidence, f"cure: {rule.cure}"])},
        "categories": ["Bug Risk"],
        "severity": _SEVERITIES[severity(found)],
        "fingerprint": fingerprint,
        "location": {
            # The form has no finding without a place.
            "path": forward(at.path) if at else ".",
            "lines": {"begin": at.line, "end": at.end_line} if at else {"begin": 1, "end": 1},
        },
    }


def _marks(found: Finding) -> list[str]:
    return [f"{forward(mark.at.path)}:{mark.at.line}: {mark.text}" for mark in found.marks]


def _trouble(failed: Failure) -> dict[str, Any]:
    path = forward(failed.path)
    return {
        "type": "issue",
        "check_name": "torchdoctor",
        "description": f"could not be checked: {failed.message}",
        "categories": ["Bug Risk"],
        "severity": "blocker",
        "fingerprint": digest("torchdoctor", path, failed.message, size=16),
        "location": {"path": path, "lines": {"begin": max(failed.line, 1), "end": max(failed.line, 1)}},
    }
