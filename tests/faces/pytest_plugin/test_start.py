"""What it costs to have the plugin: nothing, until it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite

_TELLS = """
    import json, sys

    def pytest_unconfigure():
        packages = ("torch", "libcst", "rich", "click", "torchdoctor")
        names = {name for name in sys.modules if name.partition(".")[0] in packages}
        print("\\nLOADED", json.dumps(sorted(names)))
"""


def loaded(suite: Suite, *arguments: str) -> set[str]:
    """Which of our modules, and of what we build upon, a run of a suite without torch has loaded."""
    suite.write({"conftest.py": _TELLS, "test_it.py": "def test_it():\n    assert True\n"})
    done = suite.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    return set(json.loads(line.removeprefix("LOADED")))


def test_the_package_announces_the_plugin() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\ntorchdoctor = "torchdoctor.faces.pytest_plugin"\n' in text


def test_having_it_installed_loads_nothing(suite: Suite) -> None:
    assert loaded(suite) == {"torchdoctor", "torchdoctor.faces", "torchdoctor.faces.pytest_plugin"}


@pytest.mark.parametrize("ini", ["", "torchdoctor = true\n"], ids=["option", "ini"])
def test_asked_for_it_loads_no_torch_of_its_own(suite: Suite, ini: str) -> None:
    suite.write({"pytest.ini": f"[pytest]\n{ini}"})
    found = loaded(suite, *([] if ini else ["--torchdoctor"]))
    assert not {name.partition(".")[0] for name in found} & {"torch", "libcst", "rich", "click"}


def test_its_mark_is_known_where_it_is_off(suite: Suite) -> None:
    suite.write({"test_it.py": "import pytest\n@pytest.mark.torchdoctor(max_memory='1 GiB')\ndef test_it(): pass\n"})
    done = suite.run("--strict-markers", "-W", "error")
    assert done.returncode == 0, done.stdout


def test_help_tells_of_it(suite: Suite) -> None:
    done = suite.run("--help")
    assert "--torchdoctor" in done.stdout and "torchdoctor (bool)" in done.stdout


def test_a_package_that_is_loaded_before_pytest_is_no_reason_to_warn(suite: Suite) -> None:
    """As under ``torchdoctor run -m pytest``, where pytest would have compiled the package anew."""
    suite.write({"test_it.py": "def test_it():\n    pass\n"})
    (suite.site / "torchdoctor-0.dist-info" / "RECORD").write_text("torchdoctor/__init__.py,,\n")
    code = "import sys, torchdoctor, pytest; sys.exit(pytest.main(['-W', 'error', '--torchdoctor']))"
    path = os.pathsep.join([str(suite.site), str(ROOT)])
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, cwd=suite.folder, env=environment)
    assert done.returncode == 0 and "warning" not in done.stdout, done.stdout + done.stderr


def test_our_modules_are_not_compiled_anew_for_a_run(suite: Suite) -> None:
    suite.write({
        "test_it.py": "def test_it():\n    pass\n",
        "conftest.py": """
            import sys

            def pytest_unconfigure():
                module = sys.modules["torchdoctor.faces.pytest_plugin.failures"]
                print("\\nLOADER", type(module.__loader__).__name__)
        """,
    })  # fmt: skip
    (suite.site / "torchdoctor-0.dist-info" / "RECORD").write_text("torchdoctor/__init__.py,,\n")
    assert "LOADER SourceFileLoader" in suite.run("--torchdoctor").stdout
