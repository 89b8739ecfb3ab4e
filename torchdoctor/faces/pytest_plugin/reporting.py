"""``--torchdoctor-report FILE``: all findings of a run in one file, of its tests and of what was linted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torchdoctor.faces.pytest_plugin.session import Session

FORMATS = ("json", "sarif", "junit")
_ENDS = {".json": "json", ".sarif": "sarif", ".sarif.json": "sarif", ".xml": "junit"}
_SLOWEST = 20


@dataclass(frozen=True)
class Target:
    """Where the report goes, and its form: one of FORMATS. ``path`` is as the user gave it."""

    path: str
    place: Path
    format: str


def target(config: pytest.Config) -> Target | None:
    """The report that was asked for. Raises pytest.UsageError where its form is not clear, or it cannot be a file."""
    path: str | None = config.getoption("torchdoctor_report")
    chosen: str | None = config.getoption("torchdoctor_report_format")
    if path is None:
        if chosen is not None:
            raise pytest.UsageError("--torchdoctor-report-format is for a report: give --torchdoctor-report FILE too")
        return None
    place = Path(os.path.abspath(config.invocation_params.dir / path))
    if place.is_dir():
        raise pytest.UsageError(f"--torchdoctor-report: {path} is a folder, not a file")
    ends = [form for end, form in _ENDS.items() if place.name.lower().endswith(end)]
    if chosen is None and not ends:
        raise pytest.UsageError(
            f"--torchdoctor-report: what form has {path}? Let it end in .json, .sarif or .xml (JUnit), "
            f"or give --torchdoctor-report-format: {', '.join(FORMATS)}"
        )
    return Target(path, place, chosen or ends[-1])


def write_report(wanted: Target, session: Session) -> None:
    """Write it, whole. Raises TorchdoctorError where that cannot be done."""
    from torchdoctor.faces.writing import write

    write(wanted.place, rendered(wanted.format, session))


def rendered(form: str, session: Session) -> str:
    """The report of a session, as JSON, SARIF or JUnit."""
    if form == "json":
        return _json(session)
    from torchdoctor.faces import junit, sarif
    from torchdoctor.faces.lines import Lines
    from torchdoctor.project.report import Failure, Report, relabelled
    from torchdoctor.project.shown import shown

    report = Report(
        findings=[relabelled(found, shown) for _, found in session.findings],
        files=len(session.linted),
        failures=sorted(Failure(shown(one.path), one.message, one.line) for one in session.failures),
    )
    report.findings.sort(key=lambda found: found.sort_key)
    return sarif.render(report, Lines()) if form == "sarif" else junit.render(report)


def _json(session: Session) -> str:
    """The form of ``torchdoctor lint --format json``, and for each finding its test; and what the tests came to."""
    import json

    from torchdoctor.faces.json import finding, forward
    from torchdoctor.project.report import relabelled
    from torchdoctor.project.shown import shown

    findings = [(test, relabelled(found, shown)) for test, found in session.findings]
    findings.sort(key=lambda pair: (pair[1].sort_key, pair[0]))
    document: dict[str, Any] = {
        "version": 1,
        "findings": [{**finding(found), "cures": list(found.cures), "test": test} for test, found in findings],
        "files": len(session.linted),
        "errors": [{"path": forward(shown(one.path)), "message": one.message} for one in session.failures],
        "tests": {
            "outcomes": dict(sorted(session.outcomes.items())),
            "slowest": [{"test": test, "seconds": round(s, 3)} for test, s in session.slowest(_SLOWEST, 0)],
            "hungriest": [{"test": t, "place": p, "bytes": b} for t, p, b in session.hungriest(_SLOWEST)],
            "without_gpu": [{"test": test, "reason": reason} for test, reason in session.without_gpu.items()],
        },
    }
    return json.dumps(document, indent=2) + "\n"
