"""Who may import whom, held by import-linter and by fresh processes that tell what they loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SICK = """
import torch

def evaluate(model, loader):
    for x, y in loader:
        print(model(x.cuda()), torch.zeros(3, device="cuda"))
"""
# Runs the command in this process, then prints the packages that are loaded.
RUN = """
import json, sys
from torchdoctor.faces.cli import main
{before}
try:
    main({arguments!r}, standalone_mode=False)
except SystemExit:
    pass
print("\\n" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded(*arguments: str, before: str = "", path: tuple[Path, ...] = ()) -> set[str]:
    """The packages that a fresh process has loaded after it ran this command."""
    code = RUN.format(before=before, arguments=list(arguments))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rsplit("\n", 2)[-2]))


@pytest.fixture
def sick(tmp_path: Path) -> str:
    path = tmp_path / "sick.py"
    path.write_text(SICK)
    return str(path)


def lint_everything(sick: str) -> tuple[str, ...]:
    """All rules, in this one process: what a worker process would load is loaded here."""
    return ("lint", "--no-cache", "--jobs", "1", "--select", "all", sick)


def test_imports_keep_to_the_layers() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_linting_loads_no_torch(sick: str) -> None:
    packages = loaded(*lint_everything(sick))
    assert "libcst" in packages, "nothing was linted"
    assert not packages & {"torch", "numpy", "lightning", "pytorch_lightning"}


def test_a_check_that_imports_torch_would_be_seen(sick: str, tmp_path: Path) -> None:
    topic = tmp_path / "checks" / "zz_injected"
    topic.mkdir(parents=True)
    (topic / "__init__.py").touch()
    (topic / "heavy.py").write_text("import torch\n")
    (tmp_path / "torch.py").touch()  # a stand-in, so that this test needs no torch and no seconds
    before = f"import torchdoctor.checks; torchdoctor.checks.__path__.append({str(tmp_path / 'checks')!r})"
    assert "torch" in loaded(*lint_everything(sick), before=before, path=(tmp_path,))


@pytest.mark.parametrize(
    "arguments", [("--help",), ("lint", "--help"), ("rules",), ("explain", "step-before-backward")], ids=" ".join
)
def test_commands_that_read_the_catalogue_load_no_libcst(arguments: tuple[str, ...]) -> None:
    assert not loaded(*arguments) & {"libcst", "torch", "numpy"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, torchdoctor; print({'torch', 'libcst', 'click', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stdout + done.stderr


def test_the_signs_load_no_libcst() -> None:
    code = "import sys; from torchdoctor.sign import all_signs, record_signs; all_signs(), record_signs()"
    code += "; print('libcst' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n", done.stdout + done.stderr
