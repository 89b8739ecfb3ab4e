"""Lint as tests: an item a file, selected and run as tests are, with the project's own settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite

SICK = "import torch\n\n\ndef f(model, x):\n    torch.no_grad()\n    return model(x)\n"
WELL = "import torch\n\n\ndef f(model, x):\n    with torch.no_grad():\n        return model(x)\n"
TESTS = "def test_it():\n    assert True\n"
FRAME = """\
error[bare-grad-context]: `torch.no_grad()` is a statement of its own and never entered: gradients
    stay on in `f`
 --> src/sick.py:5:5
  |
5 |     torch.no_grad()
  |     ^^^^^^^^^^^^^^^
  |
  = cure: enter it, `with torch.no_grad():`, or decorate the function with `@torch.no_grad()`
  = torchdoctor explain bare-grad-context
"""


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write({"src/sick.py": SICK, "src/well.py": WELL, "tests/test_it.py": TESTS})
    return suite


def command(project: Suite, *arguments: str) -> str:
    """What ``torchdoctor ARGUMENTS`` says in the project."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "torchdoctor", *arguments]
    return subprocess.run(line, capture_output=True, text=True, cwd=project.folder, env=environment).stdout


def outcomes(text: str) -> dict[str, str]:
    """Node id to outcome, of a run with -v."""
    pairs = re.findall(r"^(?:\[gw\d\] \[[ \d]+%\] (\w+) )?(\S+::\S+)(?: (\w+))?", text, re.MULTILINE)
    return {name: after or before for before, name, after in pairs if after or before}


def test_each_file_is_an_item_behind_the_tests(project: Suite) -> None:
    done = project.run("-v", "--torchdoctor-lint")
    assert list(outcomes(done.stdout).items()) == [
        ("tests/test_it.py::test_it", "PASSED"),
        ("src/sick.py::torchdoctor", "FAILED"),
        ("src/well.py::torchdoctor", "PASSED"),
        ("tests/test_it.py::torchdoctor", "PASSED"),
    ]
    assert "collected 4 items" in done.stdout and done.returncode == 1


def test_a_failure_is_shown_as_lint_shows_it(project: Suite) -> None:
    done = project.run("--torchdoctor-lint", "src")
    assert FRAME in done.stdout
    assert "FAILED src/sick.py::torchdoctor - error[bare-grad-context]: `torch.no_grad()`" in done.stdout


def test_paths_narrow_it_and_tests_are_collected_all_the_same(project: Suite) -> None:
    done = project.run("-v", "tests", "--torchdoctor-lint", "src/well.py")
    assert outcomes(done.stdout) == {"tests/test_it.py::test_it": "PASSED", "src/well.py::torchdoctor": "PASSED"}


def test_ini_turns_it_on(project: Suite) -> None:
    project.write({"pytest.ini": "[pytest]\ntorchdoctor_lint = src\n"})
    done = project.run("-v")
    assert set(outcomes(done.stdout)) == {
        "tests/test_it.py::test_it", "src/sick.py::torchdoctor", "src/well.py::torchdoctor",
    }  # fmt: skip


def test_the_last_word_of_addopts_takes_nothing_from_the_command_line(project: Suite) -> None:
    project.write({"pytest.ini": "[pytest]\naddopts = --torchdoctor-lint\n", "tests/test_more.py": TESTS})
    done = project.run("-v", "tests/test_it.py")
    tests = [name for name in outcomes(done.stdout) if not name.endswith("::torchdoctor")]
    assert tests == ["tests/test_it.py::test_it"]
    assert "src/sick.py::torchdoctor" in outcomes(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        (("-k", "torchdoctor and not it"), ["src/sick.py::torchdoctor", "src/well.py::torchdoctor"]),
        (("-k", "not torchdoctor"), ["tests/test_it.py::test_it"]),
        (("-k", "well"), ["src/well.py::torchdoctor"]),
        (("--deselect", "src"), ["tests/test_it.py::test_it", "tests/test_it.py::torchdoctor"]),
        (("--ignore", "src"), ["tests/test_it.py::test_it", "tests/test_it.py::torchdoctor"]),
        (("-x",), ["tests/test_it.py::test_it", "src/sick.py::torchdoctor"]),
        (("src/well.py::torchdoctor",), ["src/well.py::torchdoctor"]),
        (("src/well.py::torchdoctor", "-n", "1"), ["src/well.py::torchdoctor"]),
        (("src/well.py::torchdoctor", "tests"), ["src/well.py::torchdoctor", "tests/test_it.py::test_it"]),
    ],
    ids=" ".join,
)  # fmt: skip
def test_items_are_selected_as_tests_are(project: Suite, arguments: tuple[str, ...], run: list[str]) -> None:
    done = project.run("-v", *arguments, "--torchdoctor-lint")
    assert set(outcomes(done.stdout)) == set(run), done.stdout + done.stderr


def test_the_last_failed_are_run_again(project: Suite) -> None:
    project.run("--torchdoctor-lint")
    done = project.run("-v", "--lf", "--torchdoctor-lint")
    assert outcomes(done.stdout) == {"src/sick.py::torchdoctor": "FAILED"}, done.stdout
    project.write({"src/sick.py": WELL})
    assert project.run("--lf", "--torchdoctor-lint").returncode == 0


def test_the_settings_of_the_project_hold(project: Suite) -> None:
    project.write({
        "pyproject.toml": """
            [tool.torchdoctor]
            extend-exclude = ["old/"]
            per-file-ignores = { "src/*" = ["bare-grad-context"] }
        """,
        "old/sick.py": SICK,
        "kept.py": SICK.replace("no_grad()", "no_grad()  # torchdoctor: ignore[bare-grad-context]"),
    })  # fmt: skip
    done = project.run("-v", "--torchdoctor-lint")
    assert set(outcomes(done.stdout).values()) == {"PASSED"}
    assert "old/sick.py::torchdoctor" not in done.stdout and "kept.py::torchdoctor PASSED" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_what_the_baseline_knows_is_not_told(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"torchdoctor.toml": 'baseline = "known.json"\n'})
    assert "there is no baseline known.json" in project.run("--torchdoctor-lint").stderr
    command(project, "lint", "--write-baseline", "known.json")
    assert project.run("--torchdoctor-lint", *workers).returncode == 0
    project.write({"src/sick.py": SICK + "\n\ndef g(model, x):\n    torch.no_grad()\n    return model(x)\n"})
    done = project.run("--torchdoctor-lint", *workers)
    assert "src/sick.py:10:5" in done.stdout and "src/sick.py:5:5" not in done.stdout


def test_what_is_less_than_fail_on_passes(project: Suite) -> None:
    project.write({"torchdoctor.toml": 'fail-on = "never"\n'})
    assert project.run("--torchdoctor-lint").returncode == 0


def test_facts_are_known_across_files(suite: Suite) -> None:
    suite.write({
        "net.py": """
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.fc = nn.Linear(8, 2)

                def forward(self, x):
                    return self.fc(x)
        """,
        "use.py": "import torch\nfrom net import Net\n\nprint(Net()(torch.zeros(3, 9)))\n",
    })  # fmt: skip
    done = suite.run("--torchdoctor-lint")
    assert "error[linear-size-mismatch]" in done.stdout and "::: net.py:6:19" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_results_are_remembered_and_shared_with_the_command(project: Suite, workers: tuple[str, ...]) -> None:
    project.write({"pyproject.toml": "[tool.torchdoctor]\n"})
    first = project.run("--torchdoctor-lint", *workers)
    (kept,) = (project.folder / ".torchdoctor_cache").glob("*.json")
    paths = [path for path, _, _ in json.loads(kept.read_text())["files"]]
    found = json.loads(kept.read_text())["results"]
    assert {paths[int(index)].rpartition("/")[2] for index in found} == {"sick.py", "well.py", "test_it.py"}
    assert FRAME in first.stdout
    kept.write_text(kept.read_text().replace("is a statement of its own", "was remembered"))
    assert "`torch.no_grad()` was remembered" in project.run("--torchdoctor-lint", *workers).stdout
    assert "`torch.no_grad()` was remembered" in command(project, "lint")


def test_the_workers_of_xdist_share_the_items(project: Suite) -> None:
    done = project.run("-v", "-n", "2", "--torchdoctor-lint")
    assert outcomes(done.stdout) == {
        "tests/test_it.py::test_it": "PASSED",
        "src/sick.py::torchdoctor": "FAILED",
        "src/well.py::torchdoctor": "PASSED",
        "tests/test_it.py::torchdoctor": "PASSED",
    }
    assert FRAME in done.stdout


def test_a_file_that_is_not_python_fails(project: Suite) -> None:
    project.write({"src/broken.py": "import torch\ndef f(:\n"})
    done = project.run("--torchdoctor-lint")
    assert "error: src/broken.py:2: syntax error at line 2" in done.stdout and done.returncode == 1


def test_no_file_is_imported(project: Suite) -> None:
    project.write({"src/script.py": "import torch\nopen('imported', 'w').close()\n"})
    project.run("--torchdoctor-lint")
    done = project.run("-v", "src/script.py::torchdoctor", "--torchdoctor-lint")
    assert outcomes(done.stdout) == {"src/script.py::torchdoctor": "PASSED"}
    assert not (project.folder / "imported").exists()


def test_a_path_that_is_not_there_is_told_at_once(project: Suite) -> None:
    done = project.run("--torchdoctor-lint=sorc")
    assert done.returncode == 4 and "there is no such file or folder" in done.stderr and "sorc" in done.stderr


def test_settings_that_cannot_be_read_are_told_at_once(project: Suite) -> None:
    project.write({"torchdoctor.toml": 'ignroe = ["speed"]\n'})
    done = project.run("--torchdoctor-lint")
    assert done.returncode == 4 and "did you mean `ignore`?" in done.stderr


def test_from_another_folder(project: Suite) -> None:
    project.write({"sub/test_sub.py": TESTS})
    project.folder = project.folder / "sub"
    done = project.run("-v", "--torchdoctor-lint")
    assert outcomes(done.stdout) == {"test_sub.py::test_it": "PASSED", "test_sub.py::torchdoctor": "PASSED"}


def test_the_hooks_of_the_suite_see_the_items(project: Suite) -> None:
    project.write({
        "conftest.py": """
            import pytest

            def pytest_collection_modifyitems(items):
                for item in items:
                    if item.path.name == "sick.py":
                        item.add_marker(pytest.mark.xfail(reason="known"))
        """
    })  # fmt: skip
    done = project.run("--torchdoctor-lint")
    assert done.returncode == 0 and "1 xfailed" in done.stdout
