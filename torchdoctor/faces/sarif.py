"""Findings as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from torchdoctor import __version__, catalogue
from torchdoctor.faces.json import forward
from torchdoctor.faces.lines import Lines
from torchdoctor.finding import Finding, Span
from torchdoctor.fingerprint import digests
from torchdoctor.project.report import Failure, Report, fix, severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "SRCROOT"


def render(report: Report, lines: Lines) -> str:
    """The whole report as one SARIF log, in ASCII."""
    names = sorted({found.rule for found in report.findings})
    number = {name: index for index, name in enumerate(names)}
    known_by = digests(report.findings, lines.text)
    run = {
        "tool": {
            "driver": {
                "name": "torchdoctor",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(name) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": Path.cwd().as_uri() + "/"}},
        "invocations": [_invocation(report.failures)],
        "results": [
            _result(found, number[found.rule], fingerprint)
            for found, fingerprint in zip(report.findings, known_by, strict=True)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    page = catalogue.page(name)
    rule = page.rule
    return {
        "id": name,
        "shortDescription": {"text": _sentence(rule.summary)},
        "fullDescription": {"text": f"{_sentence(rule.summary)} {_sentence(rule.cure)}"},
        "help": {"text": _sentence(rule.cure), "markdown": page.body},
        "helpUri": rule.see,
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": ["pytorch", rule.topic]},
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _result(found: Finding, index: int, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": severity(found),
        "message": {"text": "\n".join([found.message, *found.evidence])},
        "partialFingerprints": {"torchdoctor/v1": fingerprint},
    }
    if found.at is not None:
        result["locations"] = [{"physicalLocation": _place(found.at)}]
    if found.marks:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": mark.text}, "physicalLocation": _place(mark.at)}
            for number, mark in enumerate(found.marks, 1)
        ]
    if found.edits:
        result["fixes"] = [_fix(found)]
    return result


def _fix(found: Finding) -> dict[str, Any]:
    cure = _sentence(catalogue.rule(found.rule).cure)
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in found.edits:
        replacement = {"deletedRegion": _region(edit.at), "insertedContent": {"text": edit.text}}
        changes.setdefault(edit.at.path, []).append(replacement)
    return {
        "description": {"text": cure if fix(found) == "safe" else f"{cure} Look at what it changes."},
        "artifactChanges": [
            {"artifactLocation": _artifact(path), "replacements": them} for path, them in changes.items()
        ],
    }


def _place(at: Span) -> dict[str, Any]:
    return {"artifactLocation": _artifact(at.path), "region": _region(at)}


def _region(at: Span) -> dict[str, int]:
    return {"startLine": at.line, "startColumn": at.column, "endLine": at.end_line, "endColumn": at.end_column}


def _artifact(path: str) -> dict[str, str]:
    if os.path.isabs(path):
        return {"uri": "file://" + ("" if path.startswith("/") else "/") + _quoted(path)}
    return {"uri": _quoted(path), "uriBaseId": _ROOT}


def _quoted(path: str) -> str:
    return quote(os.fsencode(forward(path)), safe="/:" if os.path.isabs(path) else "/")


def _invocation(failures: list[Failure]) -> dict[str, Any]:
    notifications = []
    for failed in failures:
        place: dict[str, Any] = {"artifactLocation": _artifact(failed.path)}
        if failed.line:
            place["region"] = {"startLine": failed.line}
        message = {"text": failed.message}
        notifications.append({"level": "error", "message": message, "locations": [{"physicalLocation": place}]})
    return {"executionSuccessful": not failures, "toolExecutionNotifications": notifications}
