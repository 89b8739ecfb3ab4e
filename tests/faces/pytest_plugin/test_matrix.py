"""Releases of pytest, each with the plugins that people have beside ours, in environments of their own.

They borrow torch, and what torch and torchdoctor need, from the environment that this runs in; pytest and its plugins
are fetched by pip. ``pytest -m packaging tests/faces/pytest_plugin/test_matrix.py``
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite
from tests.faces.pytest_plugin.sections import MODEL, explained

pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.packaging]

RELEASES = {
    "7.4": ("pytest==7.4.4", "pytest-asyncio", "pytest-subtests"),
    "8.0": ("pytest==8.0.2", "pytest-asyncio", "pytest-subtests"),
    "8.4": ("pytest==8.4.2", "pytest-asyncio", "pytest-subtests"),
    "newest": ("pytest", "pytest-asyncio"),
}
ALWAYS = ("pytest-html", "pytest-randomly", "pytest-timeout", "pytest-torch", "pytest-xdist")
# What must come from the environment itself, and what would bring a plugin of another pytest.
_NOT_BORROWED = ("pytest", "_pytest", "pluggy", "xdist", "execnet", "iniconfig", "hypothesis", "_hypothesis", "pip",
                 "torchdoctor", "__editable__", "py.py", "_distutils")  # fmt: skip
TESTS = """
    import asyncio
    import unittest

    import pytest
    import torch
    from model import Net, wrong

    def test_well():
        assert Net()(torch.zeros(2, 3, 10, 10)).shape == (2, 10)

    def test_sick():
        wrong()

    @pytest.mark.parametrize("side", [10, 12])
    def test_parametrised(side):
        Net()(torch.zeros(2, 3, side, side))

    @pytest.mark.asyncio
    async def test_async():
        await asyncio.sleep(0)
        wrong()

    @pytest.mark.timeout(100)
    def test_in_time():
        wrong()

    def test_subtests(subtests):
        with subtests.test(msg="one"):
            wrong()

    class TestUnit(unittest.TestCase):
        def test_unit(self):
            wrong()

    @pytest.fixture
    def sick():
        wrong()

    def test_fixture(sick):
        pass

    def test_expected():
        with pytest.raises(RuntimeError):
            wrong()

    def test_other_text():
        with pytest.raises(RuntimeError, match="nothing like this"):
            wrong()

    @pytest.mark.xfail
    def test_known():
        wrong()

    def test_skipped():
        pytest.skip("needs CUDA")
"""
SICK = "import torch\n\n\ndef f(model, x):\n    torch.no_grad()\n    return model(x)\n"
EXPLAINED = {
    "test_sick", "test_parametrised[12]", "test_async", "test_in_time", "TestUnit.test_unit",
    "ERROR at setup of test_fixture", "test_other_text",
}  # fmt: skip


@pytest.fixture(scope="session", params=RELEASES)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with this release."""
    folder = tmp_path_factory.mktemp(f"pytest-{request.param}")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    site = next(site for site in (*folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages"))
    borrowed = folder / "borrowed" / "site-packages"
    borrowed.mkdir(parents=True)
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.lower().startswith(_NOT_BORROWED) and path.suffix != ".pth":
            (borrowed / path.name).symlink_to(path)
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    found = next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists())
    wanted = [*RELEASES[request.param], *ALWAYS]
    subprocess.run([str(found), "-m", "pip", "install", "--quiet", "--no-warn-conflicts", *wanted], check=True)
    return found


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write({
        "model.py": MODEL,
        "test_it.py": TESTS,
        "src/sick.py": SICK,
        "pytest.ini": "[pytest]\ntorchdoctor = true\ntorchdoctor_lint = src\npythonpath = .\n",
    })  # fmt: skip
    return suite


def run(python: Path, project: Suite, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(project.site), str(ROOT)])
    own = {**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=project.folder, env=own)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_all_of_them_together(python: Path, project: Suite, workers: tuple[str, ...]) -> None:
    done = run(
        python, project, "--html=found.html", "--junitxml=found.xml", "--torchdoctor-report=found.json", *workers
    )
    assert "INTERNALERROR" not in done.stdout + done.stderr, done.stdout + done.stderr
    found = explained(done.stdout)
    subtest = {name for name in found if "test_subtests" in name}
    assert len(subtest) == 1 and set(found) - subtest == EXPLAINED, done.stdout
    assert set(found.values()) == {("linear-size-mismatch", "model.py:13")}
    assert "error[bare-grad-context]" in done.stdout and "src/sick.py::torchdoctor" in done.stdout
    assert "skipped for want of a GPU: 1 test" in done.stdout
    failures = [case.text or "" for case in xml.parse(project.folder / "found.xml").iter("failure")]
    assert sum("error[linear-size-mismatch]" in text for text in failures) >= len(EXPLAINED) - 1
    assert "error[linear-size-mismatch]" in (project.folder / "found.html").read_text(encoding="utf-8")
    assert (project.folder / "found.json").is_file()


def test_off_it_changes_nothing(python: Path, project: Suite) -> None:
    project.write({"pytest.ini": "[pytest]\npythonpath = .\n"})
    off, without = (
        run(python, project, "-p", "no:randomly"),
        run(python, project, "-p", "no:randomly", "-p", "no:torchdoctor"),
    )
    assert "torchdoctor -" not in off.stdout
    last = [text.strip().splitlines()[-1].partition(" in ")[0].strip("= ") for text in (off.stdout, without.stdout)]
    assert last[0] == last[1], without.stdout


def test_the_last_failed_are_run_again(python: Path, project: Suite) -> None:
    run(python, project, "-k", "torchdoctor or well")
    done = run(python, project, "--lf", "-v")
    assert "src/sick.py::torchdoctor FAILED" in done.stdout and "test_well" not in done.stdout
