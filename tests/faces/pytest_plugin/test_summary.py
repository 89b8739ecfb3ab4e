"""What a run comes to, below its failures and in the report's file; the same with the workers of pytest-xdist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.faces.pytest_plugin.conftest import Suite

pytest.importorskip("torch")

SICK = "import torch\n\n\ndef f(model, x):\n    torch.no_grad()\n    return model(x)\n"
TESTS = """
    import time

    import pytest
    import torch

    @pytest.mark.parametrize("size", [3, 4, 5])
    def test_product(size):
        torch.zeros(2, 3) @ torch.zeros(size, 1)

    def test_hungry():
        torch.ones(50_000_000)

    def test_slow():
        time.sleep(0.7)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
    def test_gpu():
        pass

    def test_two_gpus():
        pytest.skip("requires at least 2 GPUs")

    @pytest.mark.skip(reason="not yet")
    def test_later():
        pass
"""
WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write({"pytest.ini": "[pytest]\ntorchdoctor = true\n", "test_it.py": TESTS, "src/sick.py": SICK})
    return suite


def summary(text: str) -> str:
    found = re.search(r"^=+ torchdoctor =+$\n(.*?)(?=^=)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found is not None else ""


@WORKERS
def test_the_summary(project: Suite, workers: tuple[str, ...]) -> None:
    said = summary(project.run("--torchdoctor-lint=src", "-p", "no:randomly", *workers).stdout)
    assert re.search(
        r"3 findings, by rule:\n"
        r"    1  error    bare-grad-context     src/sick.py::torchdoctor\n"
        r"    2  error    matmul-size-mismatch  test_it.py::test_product\[\d\] and 1 more\n",
        "\n".join(sorted(said.splitlines()[:3], key=lambda row: ("findings" not in row, row))) + "\n",
    ), said
    assert re.search(r"^slowest tests.*\n(?:.*\n)*? +0\.7\d s  test_it.py::test_slow$", said, re.MULTILINE), said
    assert re.search(r"^hungriest tests.*\n +1[89]\d(?:\.\d)? MiB  test_it.py::test_hungry$", said, re.MULTILINE), said
    assert "skipped for want of a GPU: 2 tests\n" in said and "needs CUDA" in said and "not yet" not in said


def test_a_run_without_anything_to_tell_has_no_summary(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it():\n    pass\n"})
    done = suite.run("--torchdoctor")
    assert done.returncode == 0 and not summary(done.stdout) and "= torchdoctor" not in done.stdout


def test_quiet_runs_tell_the_findings_and_little_else(project: Suite) -> None:
    said = summary(project.run("-q").stdout)
    assert "matmul-size-mismatch" in said and "GPU" in said and "slowest" not in said and "hungriest" not in said


def report(project: Suite, name: str, *arguments: str) -> Path:
    project.run(f"--torchdoctor-report={name}", "--torchdoctor-lint=src", *arguments)
    return project.folder / name


@WORKERS
def test_the_report_as_json(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"src/broken.py": "import torch\ndef f(:\n"})
    said: dict[str, Any] = json.loads(report(project, "out/found.json", *workers).read_text())
    assert said["version"] == 1 and said["files"] == 2
    assert [error["path"] for error in said["errors"]] == ["src/broken.py"]
    assert sorted((one["test"], one["rule"], one["path"], one["line"]) for one in said["findings"]) == [
        ("src/sick.py::torchdoctor", "bare-grad-context", "src/sick.py", 5),
        ("test_it.py::test_product[4]", "matmul-size-mismatch", "test_it.py", 8),
        ("test_it.py::test_product[5]", "matmul-size-mismatch", "test_it.py", 8),
    ]
    tests = said["tests"]
    assert tests["outcomes"] == {"failed": 4, "passed": 3, "skipped": 3}
    assert {one["test"] for one in tests["without_gpu"]} == {"test_it.py::test_gpu", "test_it.py::test_two_gpus"}
    assert tests["hungriest"][0]["test"] == "test_it.py::test_hungry" and tests["hungriest"][0]["bytes"] > 100 << 20
    assert len(tests["slowest"]) == 10


def test_the_findings_have_the_form_of_lint(project: Suite) -> None:
    project.run("--torchdoctor-report=found.json", "--torchdoctor-lint=src", "-k", "torchdoctor")
    (ours,) = json.loads((project.folder / "found.json").read_text())["findings"]
    from torchdoctor.faces.json import finding
    from torchdoctor.faces.python import lint

    (found,) = lint(project.folder / "src" / "sick.py")
    assert {**finding(found), "path": "src/sick.py"} == {
        key: value for key, value in ours.items() if key not in ("test", "cures")
    }


@WORKERS
def test_the_report_as_sarif(project: Suite, workers: tuple[str, ...]) -> None:
    log = json.loads(report(project, "found.sarif", *workers).read_text())
    schema = Path(__file__).parents[1] / "sarif-schema-2.1.0.json"
    jsonschema.validate(log, json.loads(schema.read_text()))
    rules = [result["ruleId"] for result in log["runs"][0]["results"]]
    assert sorted(rules) == ["bare-grad-context", "matmul-size-mismatch", "matmul-size-mismatch"]


def test_the_report_as_junit(project: Suite) -> None:
    root = xml.parse(report(project, "found.xml")).getroot()
    failures = [failure.get("message", "") for failure in root.iter("failure")]
    assert len(failures) == 3 and any("never" in message for message in failures)


def test_without_a_terminal_the_report_is_written(project: Suite) -> None:
    found = json.loads(report(project, "found.json", "-p", "no:terminal").read_text())
    assert {one["rule"] for one in found["findings"]} == {"bare-grad-context", "matmul-size-mismatch"}
    assert not found["errors"]


def test_the_form_may_be_named(project: Suite) -> None:
    path = report(project, "found.txt", "--torchdoctor-report-format", "sarif")
    assert json.loads(path.read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--torchdoctor-report=found.txt",), "what form has found.txt?"),
        (("--torchdoctor-report=src",), "src is a folder"),
        (("--torchdoctor-report-format=json",), "give --torchdoctor-report FILE too"),
        (("--torchdoctor-report=a.json", "--torchdoctor-report-format=html"), "invalid choice"),
    ],
)
def test_wrong_options_are_told_at_once(project: Suite, arguments: tuple[str, ...], said: str) -> None:
    done = project.run(*arguments)
    assert done.returncode == 4 and said in done.stderr


def test_a_report_that_cannot_be_written_fails_the_run(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it():\n    pass\n", "file": ""})
    done = suite.run("--torchdoctor-report=file/found.json")
    assert done.returncode == 1 and "1 passed" in done.stdout
    assert "error: " in summary(done.stdout) and "cannot be written" in summary(done.stdout)


def test_an_interrupted_run_leaves_its_report(project: Suite) -> None:
    project.write({"test_stop.py": "def test_stop():\n    raise KeyboardInterrupt\n"})
    path = report(project, "found.json")
    assert len(json.loads(path.read_text())["findings"]) == 2  # what was told before the interrupt


def test_linting_that_had_nothing_to_look_at_says_so(suite: Suite) -> None:
    suite.write({"test_it.py": "def test_it():\n    pass\n", "src/text.md": ""})
    assert "warning: no Python files under" in summary(suite.run("--torchdoctor-lint=src").stdout)
    assert (
        "mentions torch" in summary(suite.run("--torchdoctor-lint").stdout)
        or "not mention" in suite.run("--torchdoctor-lint").stdout
    )
