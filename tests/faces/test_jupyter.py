"""Notebooks, in a real kernel and in IPython's own shell: the explanation comes after the cell's traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 180
CELLS = (
    "import torch\nfrom torch import nn\nimport torchdoctor\ntorchdoctor.install()",
    "class Net(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.fc = nn.Linear(64, 10)\n"
    "\n"
    "    def forward(self, x):\n"
    "        return self.fc(x.flatten(1))\n"
    "\n"
    "net = Net()\n"
    "head = nn.Sequential(nn.ReLU(), nn.Linear(8, 2))",
    "net(torch.rand(2, 3, 5))",
    "head(torch.rand(2, 9))",
    "{}['missing']",
    "40 + 2",
)


@pytest.fixture(scope="module")
def outputs() -> list[list[dict[str, Any]]]:
    """What each cell shows, in a kernel of its own."""
    pytest.importorskip("torch")
    pytest.importorskip("ipykernel")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = paths
    try:
        nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", allow_errors=True).execute()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return [list(cell.outputs) for cell in notebook.cells]


def plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def told(shown: list[dict[str, Any]]) -> str:
    """What stands on standard error, below the traceback."""
    kinds = [one["output_type"] for one in shown]
    assert kinds[0] == "error", kinds
    return plain("".join(one["text"] for one in shown if one["output_type"] == "stream" and one["name"] == "stderr"))


def test_a_kernel_explains_below_the_traceback(outputs: list[list[dict[str, Any]]]) -> None:
    text = told(outputs[2])
    assert "error[linear-size-mismatch]: `Net.fc` takes 64 features and gets 15" in text
    assert "--> Cell In[2]:7:16" in text and "7 |         return self.fc(x.flatten(1))" in text
    assert "4 |         self.fc = nn.Linear(64, 10)" in text and "built for 64 features here" in text
    assert "`nn.Linear(15, 10)`" in text


def test_a_layer_of_another_cell(outputs: list[list[dict[str, Any]]]) -> None:
    text = told(outputs[3])
    assert "--> Cell In[4]:1:1" in text and "Cell In[2]:10:" in text and "built for 8 features here" in text


def test_what_is_not_torch_s_is_left_alone(outputs: list[list[dict[str, Any]]]) -> None:
    assert told(outputs[4]) == ""
    assert outputs[5][0]["data"]["text/plain"] == "42"


def test_in_ipython_s_own_shell() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("IPython")
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"cells = {CELLS!r}\n"
        "results = [shell.run_cell(cell, store_history=True) for cell in cells]\n"
        "print('ERRORS', [type(one.error_in_exec).__name__ for one in results])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 0, ended.stderr
    errors = "['NoneType', 'NoneType', 'RuntimeError', 'RuntimeError', 'KeyError', 'NoneType']"
    assert f"ERRORS {errors}" in ended.stdout, ended.stdout + ended.stderr
    text = plain(ended.stderr)
    assert text.count("error[linear-size-mismatch]") == 2 and "built for 64 features here" in text
    assert plain(ended.stdout).index("RuntimeError") >= 0
