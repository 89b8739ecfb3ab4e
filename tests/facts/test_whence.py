"""Where layers are built and values are made, cut or written to: each place is marked in the text by its comment."""

from __future__ import annotations

import pytest

from torchdoctor.facts import severed, whence, writes
from torchdoctor.facts.file import File
from torchdoctor.finding import Span

NET = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.stem = nn.Conv2d(3, n, 3)  # stem

class Net(Base):
    def __init__(self, n):
        super().__init__(n)
        self.fc = nn.Linear(n, 10)  # fc
        self.head = nn.Sequential(
            nn.Linear(10, 20),
            nn.ReLU(),
            nn.Linear(30, 5),  # head.2
        )
        blocks = [nn.Linear(n, n) for _ in range(3)]  # blocks.1
        self.blocks = nn.ModuleList(blocks)
        self.parts = nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.Linear(3, 4)})  # parts.b
        self.twice = nn.Linear(1, 1)
        self.twice = nn.Linear(2, 2)
        self.inner = Block()

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(7, 7)  # inner.gate

model = nn.Sequential(nn.Linear(1, 2), nn.Linear(3, 4))  # model.1
model = model.to("cpu")
"""


def line_of(text: str, mark: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.endswith(f"# {mark}"))


@pytest.mark.parametrize("attribute", ["stem", "fc", "head.2", "blocks.1", "parts.b", "inner.gate"])
def test_where_a_layer_is_built(attribute: str) -> None:
    span = whence.built(File(NET, "net.py"), "net.Net", attribute)
    assert span is not None and span.line == line_of(NET, attribute)


def test_a_layer_of_a_variable() -> None:
    span = whence.built(File(NET, "net.py"), "", "model.1")
    assert span is not None and span.line == line_of(NET, "model.1")


@pytest.mark.parametrize("attribute", ["twice", "nowhere", ""])
def test_what_cannot_be_told_is_none(attribute: str) -> None:
    assert whence.built(File(NET, "net.py"), "net.Net", attribute) is None


def test_a_part_that_is_not_there_is_the_whole() -> None:
    span = whence.built(File(NET, "net.py"), "net.Net", "head.9")
    assert span is not None and span.line == line_of(NET, "head.2") - 3


VALUES = """
import torch

def prepare(rows, loader):
    x = torch.tensor(rows, dtype=torch.float64)  # dtype
    x = x.view(-1, 3)  # shape
    y = x.transpose(0, 1)  # layout
    z = y.contiguous()
    for batch in loader:  # loop
        out = x @ z
        print(batch)
    return x, out, y

def other(x):
    x = x + 1
    return x
"""


@pytest.mark.parametrize(
    ("code", "aspect", "at", "mark"),
    [
        ("x", "dtype", "x @ z", "dtype"),
        ("x", "shape", "x @ z", "shape"),
        ("y", "layout", "return x, out, y", "layout"),
        ("z", "dtype", "x @ z", "dtype"),
        ("batch", "device", "print(batch)", "loop"),
    ],
)
def test_where_a_value_is_made(code: str, aspect: str, at: str, mark: str) -> None:
    span = whence.made(File(VALUES, "values.py"), place_of(VALUES, at), code, aspect)
    assert span is not None and span.line == line_of(VALUES, mark)


def place_of(text: str, code: str, path: str = "values.py") -> Span:
    for number, line in enumerate(text.splitlines(), 1):
        if code in line:
            column = line.index(code) + 1
            return Span(path, number, column, number, column + len(code))
    raise AssertionError(code)


def test_a_parameter_is_made_nowhere() -> None:
    assert whence.made(File(VALUES, "values.py"), place_of(VALUES, "torch.tensor(rows"), "rows") is None


CUTS = """
import torch

def step(model, criterion, x, y):
    logits = model(x)
    picked = logits.argmax(1)  # chosen
    loss = criterion(picked.float(), y.long())
    loss.backward()

def quiet(model, criterion, x, y):
    with torch.no_grad():  # mode
        logits = model(x)
    loss = criterion(logits, y)
    loss.backward()

@torch.inference_mode()  # decorator
def forward(model, x):
    return model(x)

def decorated(model, x):
    loss = forward(model, x).mean()
    loss.backward()

def item(model, x):
    total = sum(model(one).mean().item() for one in x)  # item
    loss = torch.as_tensor(total)
    loss.backward()
"""


@pytest.mark.parametrize(
    ("function", "tracked", "mark"),
    [
        ("step", {"logits": True, "picked": False, "loss": False, "y": False}, "chosen"),
        ("quiet", {"logits": False, "loss": False}, "mode"),
        ("decorated", {"loss": False}, "decorator"),
    ],
)
def test_where_a_graph_was_cut(function: str, tracked: dict[str, bool], mark: str) -> None:
    start = CUTS.index(f"def {function}(")
    line = CUTS[: CUTS.index("loss.backward()", start)].count("\n") + 1
    place = Span("cuts.py", line, 5, line, 20)
    span = severed.cut(File(CUTS, "cuts.py"), place, "loss", tracked)
    assert span is not None and span.line == line_of(CUTS, mark)


WRITES = """
import torch
import torch.nn.functional as F

def run(x, skip):
    y = x.exp()
    y += 1  # Add
    skip[0] = 2
    h = F.relu(skip, inplace=True)  # Relu
    h.mul_(2)  # Mul
    return torch.sigmoid_(h)  # Sigmoid
"""


@pytest.mark.parametrize("writer", ["Add", "Relu", "Mul", "Sigmoid"])
def test_where_a_tensor_is_written_to(writer: str) -> None:
    names = ("y",) if writer == "Add" else ()
    span = writes.written([File(WRITES, "writes.py")], names, (writer,))
    assert span is not None and span.line == line_of(WRITES, writer)


def test_a_write_to_a_slice() -> None:
    text = WRITES.replace("h = F.relu(skip, inplace=True)", "h = F.relu(skip)")
    span = writes.written([File(text, "writes.py")], ("skip",), ("CopySlices",))
    assert span is not None and span.line == line_of(WRITES, "Add") + 1


def test_writes_that_are_not_told_apart() -> None:
    text = WRITES.replace("skip[0] = 2", "y += 2")
    assert writes.written([File(text, "writes.py")], ("y",), ("Add",)) is None
