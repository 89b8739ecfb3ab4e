"""The style that tools can hold: ruff and mypy, with the settings of pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("ruff check .", "."),
        ("ruff format --check .", "."),
        ("mypy", "."),
        ("mypy conftest.py tests", "."),
        # What builds a wheel is no package: its modules find each other in their folder.
        ("mypy --config-file ../pyproject.toml compile.py hook.py", ".hatch"),
    ],
)
def test_style(command: str, folder: str) -> None:
    tool, *arguments = command.split()
    pytest.importorskip(tool)
    done = subprocess.run([sys.executable, "-m", tool, *arguments], capture_output=True, text=True, cwd=ROOT / folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
