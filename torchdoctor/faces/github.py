"""Findings as GitHub's workflow commands: a line each, which the run shows at the place in the diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torchdoctor import catalogue
from torchdoctor.faces.json import forward
from torchdoctor.finding import Finding
from torchdoctor.project.report import Report, severity

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: Report) -> str:
    """One command a finding, and one for each thing that could not be done or is to be said aloud."""
    rows = [_command(_COMMANDS[severity(found)], _properties(found), _message(found)) for found in report.findings]
    for failed in report.failures:
        place = {"file": forward(failed.path), "line": failed.line or None, "title": "torchdoctor"}
        rows.append(_command("error", place, failed.message))
    rows += [_command("warning", {"title": "torchdoctor"}, warning) for warning in report.warnings]
    return "".join(rows)


def _properties(found: Finding) -> dict[str, object]:
    title = f"torchdoctor: {found.rule}"
    if found.at is None:
        return {"title": title}
    at = found.at
    one_line = at.end_line == at.line  # GitHub refuses columns of a place that spans lines
    return {
        "file": forward(at.path),
        "line": at.line,
        "col": at.column if one_line else None,
        "endLine": at.end_line,
        "endColumn": at.end_column if one_line else None,
        "title": title,
    }


def _message(found: Finding) -> str:
    return "\n".join(_told(found))


def _told(found: Finding) -> Iterator[str]:
    yield found.message
    for mark in found.marks:
        yield f"{forward(mark.at.path)}:{mark.at.line}: {mark.text}"
    yield from found.evidence
    yield f"cure: {catalogue.rule(found.rule).cure}"


def _command(name: str, properties: Mapping[str, object], message: str) -> str:
    given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::{name} {given}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
