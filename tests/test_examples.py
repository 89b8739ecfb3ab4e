"""The sick scripts of examples/ get the report that stands beside them; the cured ones get none, and run."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from torchdoctor import catalogue
from torchdoctor.faces.cli import main

EXAMPLES = Path(__file__).parent.parent / "examples"
SICK = sorted(path.name for path in EXAMPLES.glob("*.py"))
CURED = sorted(path.name for path in (EXAMPLES / "cured").glob("*.py"))
# What each sick script is there to show. Its report may say more.
SHOWN = {
    "classify_images.py": {"cuda-without-availability-check"},
    "integer_gradient.py": {"grad-of-integer-tensor"},
    "measure_accuracy.py": {"eval-without-eval-mode"},
    "merge_heads.py": {"view-on-noncontiguous"},
    "train_classifier.py": {
        "bare-grad-context",
        "forward-called-directly",
        "functional-dropout-always-on",
        "loss-kept-with-graph",
        "missing-zero-grad",
        "scheduler-never-stepped",
        "softmax-before-cross-entropy",
        "uncalled-method",
        "unregistered-submodules",
    },
}


def lint(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """What the command says in the folder of the examples, on a page of 100 columns."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setenv("COLUMNS", "100")
    result = CliRunner().invoke(main, ["lint", "--no-cache", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("name", SICK)
def test_the_report_of_a_sick_script(name: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    code, report = lint(monkeypatch, name)
    expected = EXAMPLES / f"{name.removesuffix('.py')}.expected.txt"
    if pytestconfig.getoption("--bless"):
        expected.write_text(report, encoding="utf-8")
    assert report == expected.read_text(encoding="utf-8"), (
        "where the new report is right: pytest --bless tests/test_examples.py"
    )
    assert code == 1


@pytest.mark.parametrize("name", SICK)
def test_a_sick_script_shows_what_it_is_there_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report = lint(monkeypatch, "--format", "json", name)
    found = {finding["rule"] for finding in json.loads(report)["findings"]}
    assert SHOWN[name] <= set(catalogue.rules()), "the rule is not there"
    assert SHOWN[name] <= found


def test_every_sick_script_has_its_cured_twin() -> None:
    assert SICK == CURED == sorted(SHOWN)


def test_the_cured_scripts_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    code, report = lint(monkeypatch, "--select", "all", "cured")
    assert code == 0, report


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", CURED)
def test_the_cured_scripts_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "cured" / name), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_from_a_shell() -> None:
    """The way a user runs it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "torchdoctor", "lint", "--no-cache", "."],
        capture_output=True,
        text=True,
        cwd=EXAMPLES,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == 1
    assert all(f"{name}:" in done.stdout for name in SICK)
    assert "cured" not in done.stdout
