"""``examples/ci``: a small project whose tests give the report that lies beside it."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite
from tests.faces.pytest_plugin.sections import HEADER, SECTION
from tests.faces.pytest_plugin.test_summary import summary

pytest.importorskip("torch")

EXAMPLE = ROOT / "examples" / "ci"


@pytest.fixture
def example(suite: Suite) -> Suite:
    """A copy: a run leaves its caches."""
    shutil.copytree(EXAMPLE, suite.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*_cache", "__pycache__"))
    (suite.folder / "pytest.ini").unlink()
    return suite


def told(text: str) -> str:
    """What torchdoctor adds to pytest's report: its sections, below the names of what failed, and its summary."""
    rows = []
    headers = [*HEADER.finditer(text)]
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        body = text[header.end() : following.start() if following is not None else text.index("= torchdoctor =")]
        section = SECTION.search(body)
        shown = section[1] if section is not None else re.sub(r"^=+\s*\Z", "", body.lstrip("\n"), flags=re.MULTILINE)
        rows.append(f"{header[0]}\n{shown}")
    return "".join(rows) + f"{' torchdoctor ':=^100}\n{summary(text)}"


def test_the_report_of_its_tests(example: Suite, pytestconfig: pytest.Config) -> None:
    done = example.run("-q")
    expected = EXAMPLE / "expected.txt"
    if pytestconfig.getoption("--bless"):
        expected.write_text(told(done.stdout), encoding="utf-8")
    assert told(done.stdout) == expected.read_text(encoding="utf-8"), "where the new report is right: --bless"
    assert "5 failed, 7 passed, 1 skipped" in done.stdout


def test_its_workflow_runs_commands_that_are_there(example: Suite) -> None:
    text = (EXAMPLE / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    (command,) = re.findall(r"- run: (pytest .*)", text)
    (report,) = re.findall(r"sarif_file: (\S+) ", text)
    done = example.run(*shlex.split(command)[1:])
    assert done.returncode == 1 and (example.folder / report).is_file(), done.stdout
