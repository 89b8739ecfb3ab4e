"""A user's project with torchdoctor installed, and pytest run in it as the user runs it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_ENTRY = "[pytest11]\ntorchdoctor = torchdoctor.faces.pytest_plugin\n"


class Suite:
    """The project's folder. ``site`` stands for site-packages: it holds what makes torchdoctor an installed plugin."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder, self.site = folder, site

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def run(self, *arguments: str, installed: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """``pytest ARGUMENTS`` in the project, with 100 columns and no colours."""
        own = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_", "TORCHDOCTOR_"))
        }
        own |= {
            "PYTHONPATH": os.pathsep.join([str(self.site), str(ROOT)] if installed else [str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [sys.executable, "-m", "pytest", *([] if installed else ["-p", "no:torchdoctor"]), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**own, **environment},
        )


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """An empty project of a user's."""
    folder, site = (tmp_path / "project").resolve(), tmp_path / "site"
    info = site / "torchdoctor-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchdoctor\nVersion: 0\n")
    (info / "entry_points.txt").write_text(_ENTRY)
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    return Suite(folder, site)
