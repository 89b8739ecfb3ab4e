"""Findings as JUnit's XML, which every CI service shows: a suite for each file, a failed case for each finding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree as xml

from torchdoctor import catalogue
from torchdoctor.faces.json import forward
from torchdoctor.finding import Finding
from torchdoctor.project.report import Failure, Report, severity

# What XML 1.0 has no way to write, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """The whole report, in ASCII. Where nothing is found one case passes: CI services take no case at all for a fault.

    Cases are named by rule and order and not by line, so that a service knows them again from run to run.
    """
    root = xml.Element("testsuites", _counted("torchdoctor", len(report.findings), len(report.failures)))
    for path, findings in groupby(report.findings, key=lambda found: found.at.path if found.at else ""):
        _add_findings(root, path, list(findings))
    for path, failures in groupby(report.failures, key=lambda failed: failed.path):
        _add_failures(root, path, list(failures))
    if not len(root):
        suite = xml.SubElement(root, "testsuite", _counted("torchdoctor", 0, 0))
        _add_case(suite, "torchdoctor", "lint")
    xml.indent(root)
    data: bytes = xml.tostring(root, encoding="us-ascii", xml_declaration=True)
    return data.decode("ascii") + "\n"


def _add_findings(root: xml.Element, path: str, findings: Sequence[Finding]) -> None:
    suite = xml.SubElement(root, "testsuite", _counted(forward(path) if path else "torchdoctor", len(findings), 0))
    seen: Counter[str] = Counter()
    for found in findings:
        seen[found.rule] += 1
        name = found.rule if seen[found.rule] == 1 else f"{found.rule} ({seen[found.rule]})"
        case = _add_case(suite, path, name)
        about = {"type": severity(found), "message": found.message}
        xml.SubElement(case, "failure", _written(about)).text = _legal("\n".join(_told(found)))


def _add_failures(root: xml.Element, path: str, failures: Sequence[Failure]) -> None:
    suite = xml.SubElement(root, "testsuite", _counted(forward(path), 0, len(failures)))
    for number, failed in enumerate(failures, 1):
        case = _add_case(suite, path, "could not be checked" + (f" ({number})" if number > 1 else ""))
        place = f"{forward(path)}:{failed.line}" if failed.line else forward(path)
        about = {"type": "error", "message": failed.message}
        xml.SubElement(case, "error", _written(about)).text = _legal(f"{place}: {failed.message}")


def _add_case(suite: xml.Element, path: str, name: str) -> xml.Element:
    about = {"name": name, "classname": re.sub(r"\.pyw?$", "", forward(path)).replace("/", ".") or "torchdoctor"}
    return xml.SubElement(suite, "testcase", _written(about))


def _counted(name: str, failures: int, errors: int) -> dict[str, str]:
    tests = max(failures + errors, 1)
    return _written({"name": name, "tests": str(tests), "failures": str(failures), "errors": str(errors)})


def _told(found: Finding) -> Iterator[str]:
    place = f"{forward(found.at.path)}:{found.at.line}:{found.at.column}: " if found.at else ""
    yield f"{place}{severity(found)}[{found.rule}] {found.message}"
    for mark in found.marks:
        yield f"{forward(mark.at.path)}:{mark.at.line}:{mark.at.column}: {mark.text}"
    yield from found.evidence
    yield f"cure: {catalogue.rule(found.rule).cure}"
    yield f"torchdoctor explain {found.rule}"


def _written(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: _legal(value) for name, value in attributes.items()}


def _legal(text: str) -> str:
    """What XML cannot hold is written as an escape, as Python writes it."""
    return _ILLEGAL.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
