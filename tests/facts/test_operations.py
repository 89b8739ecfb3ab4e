"""Uses of torch's operations: every way to write one is the same use."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchdoctor.facts.file import File
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.facts.operations import Operation, judged, operations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
a, b = torch.randn(2, 3), torch.randn(3, 4)
"""


def _all(code: str, *names: str) -> list[Operation]:
    file = File(_HEAD + code, "x.py")
    return list(operations(file.flows.module, frozenset(names)))


@pytest.mark.parametrize(
    "code", ["a @ b", "a.matmul(b)", "torch.matmul(a, b)", "torch.matmul(a, other=b)", "a.matmul(other=b)"]
)
def test_every_way_to_write_it(code: str) -> None:
    (use,) = _all(f"c = {code}", "matmul")
    written = [use.expression(name) for name in ("input", "other")]
    assert [use.file.code(one) for one in written if one is not None] == ["a", "b"]
    other = use.tensor("other")
    assert other is not None and other.rank == 2


@pytest.mark.parametrize(
    "code", ["nn.Linear(3, 5)(a)", "l = nn.Linear(3, 5)\nl(a)", "nn.Sequential(nn.ReLU(), nn.Linear(3, 5))(a)"]
)
def test_layers(code: str) -> None:
    (use,) = _all(code, "Linear")
    assert use.layer is not None and use.tensor() is not None
    assert (use.expression() is None) == (use.inside and "ReLU" in code)


def test_layers_of_a_sequential_see_what_comes_to_them() -> None:
    uses = _all("nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 7)))(a)", "Linear")
    shapes = [tensor.shape.value for use in uses if (tensor := use.tensor()) is not None and tensor.shape is not None]
    assert shapes == [(2, 3), (2, 5)]


def test_a_method_of_another_thing_is_no_operation() -> None:
    assert not _all("optimizer = torch.optim.SGD([a], lr=1)\noptimizer.add(a)", "add")


_LOSS = "import torch.nn.functional as F\ndef loss_of(p, t):\n    return F.mse_loss(p, t)\n"


def _rank(use: Operation) -> object:
    tensor = use.tensor()
    return tensor.rank if tensor is not None else None


def test_judged_in_this_file() -> None:
    file = File(f"{_HEAD}{_LOSS}loss_of(a, b)\n", "x.py")
    (verdict,) = judged(file, frozenset({"mse_loss"}), _rank)
    assert verdict.says == 2 and not verdict.elsewhere


def _load(path: Path, module: str, neighbours: Neighbours) -> File:
    return File(path.read_text(), str(path), module_name=module, neighbours=neighbours)


def test_judged_in_what_the_file_calls(tmp_path: Path) -> None:
    (tmp_path / "losses.py").write_text(_LOSS)
    (tmp_path / "steps.py").write_text("from losses import loss_of\ndef step(p, t):\n    return loss_of(p, t)\n")
    text = f"{_HEAD}from steps import step\nstep(a, b)\n"
    neighbours = Neighbours((tmp_path,), _load)
    file = File(text, str(tmp_path / "main.py"), module_name="main", neighbours=neighbours)
    (verdict,) = judged(file, frozenset({"mse_loss"}), _rank)
    assert verdict.says == 2 and verdict.elsewhere and file.code(verdict.node) == "step(a, b)"
