"""Which dtypes torch takes: it is asked about every layer and function that the table names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from torchdoctor.facts.torch_api.wanted_dtypes import FLOAT_FUNCTIONS, FLOAT_LAYERS, INDICES, PAIRED, WEIGHTED

_INTEGERS = (torch.int64, torch.int32, torch.uint8, torch.bool)
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "LayerNorm": (4,), "GroupNorm": (2, 4), "RMSNorm": (4,), "PReLU": (), "TransformerEncoderLayer": (4, 2), "GELU": (),
    "SiLU": (), "Softmax": (1,), "LogSoftmax": (1,), "LeakyReLU": (), "ELU": (), "AdaptiveAvgPool1d": (1,),
    "AdaptiveAvgPool2d": (1,), **{f"{kind}Norm{n}d": (4,) for kind in ("Batch", "Instance") for n in (1, 2, 3)},
    **{f"Conv{kind}{n}d": (4, 4, 1) for kind in ("", "Transpose") for n in (1, 2, 3)},
}  # fmt: skip
_RANKS = {"1d": 3, "2d": 4, "3d": 5, "LSTM": 3, "GRU": 3, "RNN": 3, "Layer": 3}


def _input(name: str) -> torch.Tensor:
    rank = next((rank for end, rank in _RANKS.items() if name.endswith(end)), 2)
    return torch.ones(*(2, 4, 4, 4, 4)[:rank]) if name != "TransformerEncoderLayer" else torch.ones(2, 3, 4)


def _fails(call: Callable[[], object]) -> bool:
    try:
        call()
    except (RuntimeError, IndexError, ValueError):
        return True
    return False


@pytest.mark.parametrize("name", sorted(FLOAT_LAYERS))
def test_layers_of_floats_refuse_integers(name: str) -> None:
    layer = getattr(nn, name)(*_ARGUMENTS.get(name, (4, 4))).train()
    x = _input(name)
    assert not _fails(lambda: layer(x))
    assert all(_fails(partial(layer, x.to(dtype))) for dtype in _INTEGERS)


@pytest.mark.parametrize("name", sorted(WEIGHTED))
def test_layers_with_weights_refuse_other_floats(name: str) -> None:
    layer = getattr(nn, name)(*_ARGUMENTS.get(name, (4, 4)))
    assert _fails(lambda: layer(_input(name).double())) and not _fails(lambda: layer.double()(_input(name).double()))


@pytest.mark.parametrize("name", sorted(PAIRED))
def test_pairs_have_to_be_of_one_dtype(name: str) -> None:
    function = getattr(torch, name, None) or getattr(F, name)
    rank = {"mm": 2, "mv": 2, "dot": 1, "linear": 2, "conv2d": 4, "conv3d": 5}.get(name, 3)
    a = torch.ones((4,) * rank)
    b = torch.ones(4) if name == "mv" else a
    assert not _fails(lambda: function(a, b))
    for dtype in _INTEGERS:
        assert _fails(partial(function, a.to(dtype), b)) and _fails(partial(function, a, b.to(dtype)))


@pytest.mark.parametrize("name", sorted(FLOAT_FUNCTIONS))
def test_functions_of_floats_refuse_integers(name: str) -> None:
    function = getattr(torch, name, None) or getattr(F, name)
    args = (1,) if "softmax" in name else ()
    assert not _fails(lambda: function(torch.ones(2, 3), *args))
    for dtype in _INTEGERS:
        assert _fails(partial(function, torch.ones(2, 3, dtype=dtype), *args))


_USES: dict[str, Callable[[torch.Tensor], object]] = {
    "Embedding": nn.Embedding(4, 2), "EmbeddingBag": nn.EmbeddingBag(4, 2), "one_hot": F.one_hot,
    "embedding": lambda i: F.embedding(i, torch.ones(4, 2)), "gather": lambda i: torch.ones(4, 4).gather(0, i),
    "index_select": lambda i: torch.ones(4).index_select(0, i[0]),
    "scatter": lambda i: torch.ones(4, 4).scatter(0, i, 1.0), "take": lambda i: torch.ones(4).take(i),
    "scatter_add": lambda i: torch.ones(4, 4).scatter_add(0, i, torch.ones(4, 4)),
    "index_add": lambda i: torch.ones(4, 4).index_add(0, i[0], torch.ones(2, 4)),
    "index_copy": lambda i: torch.ones(4, 4).index_copy(0, i[0], torch.ones(2, 4)),
    "index_fill": lambda i: torch.ones(4).index_fill(0, i[0], 1.0),
    "take_along_dim": lambda i: torch.ones(4, 4).take_along_dim(i, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(INDICES))
def test_indices_are_no_floats(name: str) -> None:
    index = torch.tensor([[0, 1], [2, 3]])
    if name == "take_along_dim":
        index = torch.zeros(4, 4, dtype=torch.long)
    assert not _fails(lambda: _USES[name](index))
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert _fails(partial(_USES[name], index.to(dtype)))
