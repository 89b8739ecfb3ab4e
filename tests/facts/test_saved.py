"""What backward needs: torch is asked about every operation that the table says keeps its result."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from torchdoctor.facts.torch_api.saved import KEEPING_LAYERS, KEEPING_RESULT, WRITING

_DIM = frozenset({"softmax", "log_softmax", "logsumexp", "cumprod"})
_ARGUMENTS: dict[str, tuple[object, ...]] = {
    "add_": (1,), "sub_": (1,), "mul_": (2,), "div_": (2,), "clamp_": (0.1,), "clip_": (0.1,), "fill_": (1,),
    "pow_": (2,),
}  # fmt: skip


def _breaks(make: Callable[[torch.Tensor], torch.Tensor], write: str) -> bool:
    """Whether backward fails after the result was written into, and does not without."""
    x = (torch.rand(3, 4) + 0.5).requires_grad_()
    make(x * 1).sum().backward()  # type: ignore[no-untyped-call]
    made = make(x * 1)
    args = _ARGUMENTS.get(write, ())
    if write == "masked_fill_":
        args = (made > 0, 1.0)
    elif write == "copy_":
        args = (torch.ones_like(made),)
    getattr(made, write)(*args)
    try:
        made.sum().backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return False


@pytest.mark.parametrize("name", sorted(KEEPING_RESULT))
def test_functions_keep_their_result(name: str) -> None:
    args = (1,) if name in _DIM else ()
    assert _breaks(lambda x: getattr(torch, name)(x, *args), "add_")


@pytest.mark.parametrize("name", sorted(KEEPING_LAYERS))
def test_layers_keep_their_result(name: str) -> None:
    kind = getattr(nn, name.rpartition(".")[2])
    assert _breaks(kind(dim=1) if "Softmax" in name else kind(), "mul_")


@pytest.mark.parametrize("write", sorted(WRITING))
def test_writing_breaks_backward(write: str) -> None:
    assert _breaks(torch.tanh, write)
