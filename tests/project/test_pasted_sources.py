"""A pasted traceback is told with the user's own files, where they lie here and are the ones that failed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.finding import Finding
from torchdoctor.pasted import failures_in
from torchdoctor.project.pasted_sources import candidates, located
from torchdoctor.project.tracefiles import TraceFiles

MODEL = textwrap.dedent("""\
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.ModuleDict({
                "project": nn.Linear(2048, 64),
            })

        def forward(self, images):
            x = images.mean(1)
            return torch.relu(self.head["project"](x).tanh())
    """)
TRACE = """\
Traceback (most recent call last):
  File "{folder}train.py", line 3, in <module>
    print(Net()(torch.rand(4, 3, 1152)))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "{folder}models{sep}net.py", line 14, in forward
    return torch.relu(self.head["project"](x).tanh())
                      ^^^^^^^^^^^^^^^^^^^^^^^
  File "{torch}torch{sep}nn{sep}modules{sep}linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x1152 and 2048x64)
"""
POSIX = {"sep": "/", "torch": "/opt/env/lib/python3.11/site-packages/"}
WINDOWS = {"sep": "\\", "torch": "C:\\Users\\ada\\env\\Lib\\site-packages\\"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "train.py").write_text(
        "import torch\nfrom models.net import Net\nprint(Net()(torch.rand(4, 3, 1152)))\n", encoding="utf-8"
    )
    return tmp_path


def told(text: str, folder: Path) -> Finding:
    (failure,) = failures_in(text)
    return diagnose(located(failure, str(folder)), open_file=TraceFiles())[0]


@pytest.mark.parametrize(
    "text",
    [
        TRACE.format(folder="", **POSIX),
        TRACE.format(folder="/data/ada/project/", **POSIX),
        TRACE.format(folder="C:\\Users\\ada\\project\\", **WINDOWS),
        TRACE.format(folder="..\\project\\", **WINDOWS),
    ],
    ids=["here", "of another machine", "of Windows", "relative on Windows"],
)
def test_where_the_layer_is_built_and_its_input_made(text: str, project: Path) -> None:
    found = told(text, project)
    assert found.rule == "linear-size-mismatch" and found.at is not None
    assert found.at.path == str(project / "models" / "net.py")
    line = MODEL.splitlines()[found.at.line - 1]
    assert line[found.at.column - 1 : found.at.end_column - 1] == 'self.head["project"](x)'
    assert [(mark.at.line, mark.text) for mark in found.marks] == [
        (9, '`self.head["project"]` is built here'),
        (13, "`x` gets its value here"),
    ]


def test_python_3_10_prints_no_marks(project: Path) -> None:
    rows = [row for row in TRACE.format(folder="", **POSIX).splitlines() if set(row.strip()) != {"^"}]
    found = told("\n".join(rows), project)
    assert found.at is not None and found.at.line == 14
    assert {mark.at.line for mark in found.marks} == {9, 13}


def test_another_version_of_the_file_is_left_alone(project: Path) -> None:
    (project / "models" / "net.py").write_text("# changed since\n" + MODEL, encoding="utf-8")
    found = told(TRACE.format(folder="", **POSIX), project)
    assert not found.marks and found.at is not None and found.at.path == "models/net.py"
    # What the marks mark is shown without the file too, in columns of the code as it was printed.
    text = 'return torch.relu(self.head["project"](x).tanh())'
    assert text[found.at.column - 1 : found.at.end_column - 1] == 'self.head["project"](x)'


def test_where_files_are_looked_for() -> None:
    here = Path("/w")

    def looked(path: str) -> list[str]:
        return [PurePosixPath(one).as_posix() for one in candidates(path, here)]

    assert looked("/data/ada/net.py") == ["/data/ada/net.py", "/w/data/ada/net.py", "/w/ada/net.py", "/w/net.py"]
    assert looked("C:\\ada\\net.py")[-2:] == ["/w/ada/net.py", "/w/net.py"]
    assert looked("..\\lib/net.py")[-2:] == ["/w/lib/net.py", "/w/net.py"]
    assert looked("<stdin>") == [] and looked("") == []


def test_odd_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_bytes(b"\xff\xfe\x00nothing")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").mkdir()
    assert not told(TRACE.format(folder="", **POSIX), tmp_path).marks


def test_the_door(project: Path) -> None:
    text = TRACE.format(folder="/data/ada/", **POSIX)
    command = [sys.executable, "-m", "torchdoctor", "explain", "-"]
    ended = subprocess.run(command, cwd=project, input=text, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert '9 |             "project": nn.Linear(2048, 64),' in " ".join(ended.stdout.split("\n")), ended.stdout
    assert "is built here" in ended.stdout
