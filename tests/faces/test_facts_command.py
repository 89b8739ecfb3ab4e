"""``torchdoctor facts``: what is known at a place, why, and plainly what is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faces.conftest import Command, Write
from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.cli.facts import split

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(16 * 16 * 16, hidden)

    def forward(self, x, scale=None):
        x = self.pool(torch.relu(self.conv(x)))
        x = x.transpose(1, 2).flatten(1)
        return self.fc(x).softmax(dim=1)


def main(path):
    net = Net()
    net.eval()
    images = torch.randn(8, 3, 32, 32)
    with torch.no_grad():
        answer = net(images)
    other = torch.load(path)
    rows, columns = answer.shape
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    return answer, other, rows


main("x.pt")
"""


def line_of(text: str, code: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if code in line)


def asked(command: Command, text: str, code: str, *, at: str | None = None) -> dict[str, Any]:
    """What the command says, as JSON, of the line with this code; ``at`` names a part of it to ask for alone."""
    line = line_of(text, code)
    place = f"net.py:{line}"
    if at is not None:
        place += f":{text.splitlines()[line - 1].index(at) + 1}"
    result = command("facts", place, "--format", "json")
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(result.output)
    assert document["version"] == 1 and document["line"] == line
    return document


def of(document: dict[str, Any], code: str, context: int = 0) -> dict[str, Any]:
    """What is known of one expression in one context."""
    (found,) = [one for one in document["expressions"] if one["code"] == code]
    seen: dict[str, Any] = found["contexts"][context]
    return seen


# -- what is told ----------------------------------------------------------------------------------------------------


def test_a_tensor_with_the_reason_of_each_fact(write: Write, command: Command) -> None:
    write({"net.py": NET})
    document = asked(command, NET, "self.pool(torch")
    assert document["function"] == "net.Net.forward"
    seen = of(document, "self.conv(x)")
    assert seen["kind"] == "tensor"
    facts = seen["facts"]
    assert facts["shape"]["value"] == {"rank": 4, "dims": [8, 16, 32, 32]}
    assert facts["grad"]["value"] == "cut" and facts["scale"]["value"] == "logits"
    assert facts["layout"]["value"]["contiguous"] is True and facts["device"]["value"] == "cpu"
    because = facts["grad"]["because"]
    assert (because["path"], because["line"], because["code"]) == (
        "net.py", line_of(NET, "no_grad"), "torch.no_grad()",
    )  # fmt: skip
    assert facts["device"]["because"]["code"] == "torch.randn(8, 3, 32, 32)"
    assert of(document, "torch.relu(self.conv(x))")["not_known"] == ["scale"]


def test_a_layout_that_is_out_of_order(write: Write, command: Command) -> None:
    write({"net.py": NET})
    layout = of(asked(command, NET, "flatten(1)"), "x.transpose(1, 2)")["facts"]["layout"]
    assert layout["value"]["contiguous"] is False and layout["value"]["order"] == [0, 2, 1, 3]
    text = command("facts", f"net.py:{line_of(NET, 'flatten(1)')}").output
    assert "not contiguous (dims in memory, outermost first: 0, 2, 1, 3)  because of this very code" in text


def test_a_module_with_its_numbers(write: Write, command: Command) -> None:
    write({"net.py": NET})
    seen = of(asked(command, NET, "self.fc(x)"), "self.fc")
    assert seen["kind"] == "module"
    assert seen["facts"]["made"]["value"] == [["in_features", "4096"], ["out_features", "128"]]
    assert seen["facts"]["made"]["because"]["line"] == line_of(NET, "nn.Linear")
    text = command("facts", f"net.py:{line_of(NET, 'self.fc(x)')}").output
    assert "torch.nn.Linear(in_features=4096, out_features=128)  because of line 10 `nn.Linear(" in text


def test_the_modes_and_the_callers(write: Write, command: Command) -> None:
    write({"net.py": NET})
    (context,) = asked(command, NET, "flatten(1)")["contexts"]
    assert [caller["line"] for caller in context["callers"]] == [line_of(NET, "net(images)")]
    assert context["grad"]["enabled"] is False and context["grad"]["because"]["line"] == line_of(NET, "no_grad")
    (mode,) = context["modes"]
    assert mode["may_be"][0]["training"] is False and mode["may_be"][0]["because"]["code"] == "net.eval()"
    (after,) = asked(command, NET, "torch.load")["contexts"]
    assert after["grad"] == {"enabled": True, "because": None}


def test_what_is_not_known_is_said_to_be_so(write: Write, command: Command) -> None:
    write({"net.py": NET})
    seen = of(asked(command, NET, "torch.load"), "torch.load(path)")
    assert seen["kind"] is None and not seen["facts"]
    assert "not known" in command("facts", f"net.py:{line_of(NET, 'torch.load')}").output


def test_each_context_is_told_by_itself(write: Write, command: Command) -> None:
    text = NET + "\n\ndef train(batch):\n    net = Net()\n    net.train()\n    return net(torch.randn(2, 3, 32, 32))\n"
    write({"net.py": text})
    document = asked(command, text, "self.pool(torch")
    callers = [[caller["code"] for caller in context["callers"]] for context in document["contexts"]]
    assert callers == [["net(images)"], ["net(torch.randn(2, 3, 32, 32))"]]
    shapes = [of(document, "self.conv(x)", i)["facts"]["shape"]["value"]["dims"] for i in (0, 1)]
    assert shapes == [[8, 16, 32, 32], [2, 16, 32, 32]]
    out = command("facts", f"net.py:{line_of(text, 'self.pool(torch')}").output
    assert "seen in 2 contexts" in out and re.search(r"\[2\] called at line \d+ `net\(torch\.randn\(2", out)
    assert re.search(r"self\.conv\(x\)  13:34\n  \[1\]\n.*?\n  \[2\]\n", out, re.DOTALL)


def test_a_function_that_nobody_calls(write: Write, command: Command) -> None:
    text = "import torch\n\n\ndef f(x, n=3):\n    return torch.softmax(x, dim=-1)\n"
    write({"net.py": text})
    document = asked(command, text, "softmax")
    assert document["contexts"][0]["callers"] == []
    assert of(document, "torch.softmax(x, dim=-1)")["facts"]["scale"]["value"] == "probabilities"
    assert of(document, "x") == {"kind": None, "value": "x", "facts": {}, "not_known": []}
    assert "with nothing known of its arguments" in command("facts", "net.py:5").output


def test_one_expression_at_a_column(write: Write, command: Command) -> None:
    write({"net.py": NET})
    codes = {
        at: [one["code"] for one in asked(command, NET, "flatten(1)", at=at)["expressions"]]
        for at in ("x =", "x.tr", ".tr", "transpose", "flatten", "(1, 2)")
    }
    assert codes == {
        "x =": ["x"], "x.tr": ["x"], ".tr": ["x.transpose(1, 2)"], "transpose": ["x.transpose(1, 2)"],
        "flatten": ["x.transpose(1, 2).flatten(1)"], "(1, 2)": ["x.transpose(1, 2)"],
    }  # fmt: skip
    assert asked(command, NET, "flatten(1)", at="    ")["expressions"] == []


def test_parameters_at_the_header(write: Write, command: Command) -> None:
    write({"net.py": NET})
    document = asked(command, NET, "def forward")
    assert of(document, "x")["facts"]["shape"]["value"]["dims"] == [8, 3, 32, 32]
    assert of(document, "scale")["value"] == "None"


def test_sizes_that_are_unpacked(write: Write, command: Command) -> None:
    write({"net.py": NET})
    document = asked(command, NET, "rows, columns")
    assert [of(document, name)["value"] for name in ("rows", "columns")] == ["8", "128"]
    symbols = "import torch\n\n\ndef f(x: torch.Tensor):\n    b, c = x.shape\n    return x.reshape(c * b, 1)\n"
    write({"net.py": symbols})
    shape = of(asked(command, symbols, "reshape"), "x.reshape(c * b, 1)")["facts"]["shape"]["value"]
    assert shape == {"rank": 2, "dims": ["x.shape[0] * x.shape[1]", 1]}


def test_reasons_in_other_files(write: Write, command: Command) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/layers.py": "from torch import nn\n\n\ndef head(n):\n    return nn.Linear(n, 7)\n",
        "net.py": "import torch\nfrom pkg.layers import head\n\nlayer = head(5)\nout = layer(torch.ones(2, 5))\n",
    }
    write(files)
    document = asked(command, files["net.py"], "out =")
    made = of(document, "layer")["facts"]["made"]
    assert made["value"] == [["in_features", "5"], ["out_features", "7"]]
    assert (Path(made["because"]["path"]).as_posix(), made["because"]["line"]) == ("pkg/layers.py", 5)
    assert of(document, "layer(torch.ones(2, 5))")["facts"]["shape"]["value"]["dims"] == [2, 7]
    assert re.search(r"because of pkg.layers\.py:5 `nn\.Linear\(n, 7\)`", command("facts", "net.py:5").output)


def test_callers_in_other_files(write: Write, command: Command) -> None:
    files = {
        "pyproject.toml": "",
        "net.py": "import torch\n\n\ndef merge(x):\n    return x.flatten(1)\n",
        "train.py": "import torch\nfrom net import merge\n\nmerge(torch.ones(2, 3, 4))\n",
    }
    write(files)
    document = asked(command, files["net.py"], "flatten")
    callers = [[caller["path"] for caller in context["callers"]] for context in document["contexts"]]
    assert ["train.py"] in callers
    shape = of(document, "x.flatten(1)", callers.index(["train.py"]))["facts"]["shape"]["value"]
    assert shape["dims"] == [2, 12]


def test_an_empty_line(write: Write, command: Command) -> None:
    write({"net.py": NET})
    result = command("facts", "net.py:3")
    assert result.exit_code == 0 and "no expression here" in result.output


# -- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("train.py:42", ("train.py", 42, None)),
        ("train.py:42:7", ("train.py", 42, 7)),
        (r"C:\code\train.py:42", (r"C:\code\train.py", 42, None)),
        (r"C:\code\train.py:42:7", (r"C:\code\train.py", 42, 7)),
        ("C:/code/a:b.py:3", ("C:/code/a:b.py", 3, None)),
    ],
)
def test_places(place: str, expected: tuple[str, int, int | None]) -> None:
    assert split(place) == expected


@pytest.mark.parametrize(
    "place", ["train.py", "train.py:", "train.py:x", ":3", "train.py:0", "train.py:3:0", r"C:\a.py"]
)
def test_what_is_no_place(place: str) -> None:
    with pytest.raises(TorchdoctorError, match="is no place"):
        split(place)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("none.py:1", "error: none.py: the file cannot be read: No such file or directory"),
        ("net.py:99", "error: net.py has no line 99: it has 30"),
        ("net.py:1:13", "error: line 1 of net.py has no column 13: it has 12"),
        ("broken.py:1", "error: broken.py: syntax error at line 2: '(' was never closed"),
        ("pkg:1", "error: pkg: it is a folder"),
        ("data.py:1", "error: data.py: the file holds a NUL byte: it is not Python source"),
        ("net.py", "error: 'net.py' is no place: write FILE:LINE or FILE:LINE:COLUMN, as train.py:42"),
    ],
)
def test_errors_are_told(write: Write, command: Command, place: str, told: str) -> None:
    write({"net.py": NET, "broken.py": "import torch\nno_grad(\n", "pkg/a.py": "", "data.py": b"\0\n"})
    result = command("facts", place)
    assert result.exit_code == 2 and result.output == result.stderr
    assert result.stderr.startswith(told)


# -- how it is shown -------------------------------------------------------------------------------------------------


def test_colours_only_where_they_are_wanted(write: Write, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"net.py": NET})
    assert "\x1b" not in command("facts", "net.py:13").output
    assert "\x1b" in command("facts", "net.py:13", "--color", "always").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in command("facts", "net.py:13").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in command("facts", "net.py:13").output


def test_text_that_would_steer_the_terminal_is_shown(write: Write, command: Command) -> None:
    write({"net.py": "import torch\nx = torch.ones(3)\ny = x, '\x1b[31m'\n"})
    assert "\x1b" not in command("facts", "net.py:3").output


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "torchdoctor", "facts", *arguments]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run(command, capture_output=True, cwd=cwd, env=env)


def test_in_a_process_of_its_own(write: Write) -> None:
    root = write({"net.py": NET})
    done = run("net.py:13", cwd=root)
    assert done.returncode == 0 and not done.stderr and b"\x1b" not in done.stdout
    assert b"kind                tensor" in done.stdout.replace(b"\r\n", b"\n")
    assert json.loads(run("net.py:13", "--format", "json", cwd=root).stdout)["line"] == 13
    wrong = run("net.py:99", cwd=root)
    assert wrong.returncode == 2 and not wrong.stdout and b"has no line 99" in wrong.stderr
    narrow = run(str(root / "net.py") + ":13", cwd=root, PYTHONIOENCODING="ascii", COLUMNS="50")
    assert narrow.returncode == 0 and b"torch.nn.Conv2d" in narrow.stdout
