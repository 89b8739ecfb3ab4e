"""Under torch.compile the same is told as without it: the operands come out of the message, names out of the code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch._dynamo
import torch.nn.functional as F
from torch import nn

from tests.probes.failing import failed
from torchdoctor.diagnose import diagnose
from torchdoctor.finding import Finding
from torchdoctor.pasted.faked import faked
from torchdoctor.project.tracefiles import TraceFiles
from torchdoctor.record import Failure

x = "a name of the file: the traced functions have one of their own"


class Slips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.LayerNorm(len("width"))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(8, 4))

    def convolve(self, x: Any) -> Any:
        return self.conv(x).relu()

    def normalize(self, x: Any) -> Any:
        return self.norm(x) + 1

    def project(self, x: Any) -> Any:
        return self.head(x.flatten(1))

    def lose(this, x: Any) -> Any:
        return F.cross_entropy(x, torch.zeros(5, dtype=torch.long))

    def add(this, x: Any) -> Any:
        return (x[:, :2] + x[:, 2:]).relu()

    def view(self, x: Any) -> Any:
        y = x.transpose(0, 1)
        return y.reshape(3, 7)

    def join(self, x: Any) -> Any:
        return torch.cat([x, x[:2]], 1)

    def multiply(self, x: Any) -> Any:
        return x @ x


PROGRAMS: dict[str, tuple[int, ...]] = {
    "convolve": (2, 1, 8, 8), "normalize": (4, 6), "project": (4, 3, 2), "lose": (4, 3), "add": (4, 5), "view": (4, 5),
    "join": (4, 5), "multiply": (4, 6),
}  # fmt: skip


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    validates = torch.distributions.Distribution._validate_args  # torch.compile switches it off for good
    logging.disable(logging.CRITICAL)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()
    logging.disable(logging.NOTSET)
    torch.distributions.Distribution._validate_args = validates


def told(call: Callable[[Any], Any], *sizes: int) -> tuple[Failure, Finding]:
    failure = failed(lambda: call(torch.rand(sizes)))
    return failure, diagnose(failure, open_file=TraceFiles())[0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_dialects_are_told_alike(name: str) -> None:
    method = getattr(Slips(), name)
    _, plain = told(method, *PROGRAMS[name])
    failure, compiled = told(torch.compile(method, backend="eager"), *PROGRAMS[name])
    assert failure.compiled
    assert (compiled.rule, compiled.message, compiled.cures) == (plain.rule, plain.message, plain.cures)
    # The frames of callers are gone: what came from there has no mark.
    assert {mark for mark in plain.marks if "nn." in repr(mark)} <= set(compiled.marks)
    assert compiled.at is not None and plain.at is not None and compiled.at.line == plain.at.line


def test_of_several_blocks_of_a_class_the_class_is_named() -> None:
    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.Sequential(nn.Linear(3, 6), Slips(), Slips())

        def forward(self, x: Any) -> Any:
            last: Any = self.blocks[2]
            return last.normalize(self.blocks[0](x))

    failure, found = told(torch.compile(Blocks(), backend="eager"), 4, 3)
    assert failure.layer is not None and failure.layer.words == "`Slips.norm`"
    assert found.message.startswith("`Slips.norm` wants 5") and found.marks


def test_a_compiled_sequential_has_no_frame_of_the_user() -> None:
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 15 * 15, 5))
    failure, found = told(torch.compile(net, backend="eager"), 4, 3, 28, 28)
    assert failure.layer is not None and failure.layer.words == "`Sequential.3`"
    assert found.rule == "linear-size-mismatch" and any("32 x 32" in cure for cure in found.cures)


def test_the_text_of_a_call() -> None:
    said = (
        "call_function <built-in method cat of type object at 0x7f>(*([FakeTensor(..., size=(4, 5)), "
        "Parameter(FakeTensor(..., device='cuda:0', size=(2, 5), dtype=torch.float16, requires_grad=True))], 1), "
        "**{'out': None}): got RuntimeError('no')"
    )
    found = faked(said)
    assert found is not None and (found.kind, found.name) == ("call", "torch.cat")
    first, second = found.operands[0].items
    assert first.tensor is not None and (first.tensor.shape, first.tensor.dtype) == ((4, 5), "float32")
    assert second.tensor is not None and second.type == "Parameter"
    assert (second.tensor.shape, second.tensor.dtype, second.tensor.device) == ((2, 5), "float16", "cuda:0")
    assert found.operands[1].literal == 1 and found.operands[2].role == "out"
    symbolic = faked("call_method view(*(FakeTensor(..., size=(s0, 5)), 3), **{}): got")
    assert symbolic is not None and symbolic.operands[0].tensor is not None
    assert symbolic.operands[0].tensor.shape is None
    assert faked("call_function <built-in function iadd>(*(1, 2), **{})") is not None
    assert faked("no call at all") is None
