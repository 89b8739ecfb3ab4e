"""How large a function's result may become, told before it is called."""

from __future__ import annotations

import operator
from typing import Any

from torchdoctor.probes.tensor import is_plain

# What is made of sizes alone.
MADE = frozenset({
    "rand", "randn", "randint", "zeros", "ones", "empty", "full", "arange", "linspace", "eye", "tensor", "randperm",
})  # fmt: skip
_SPREADING = frozenset({
    "repeat", "tile", "interpolate", "upsample", "pad", "unfold", "outer", "ger", "cdist", "meshgrid", "einsum",
    "tensordot",
    "bilinear", "upsample_nearest", "upsample_bilinear", "expand", "broadcast_to",
})  # fmt: skip
_MOST_MADE = 8_000_000  # of what is made of two of them


def affordable(function: Any, values: list[Any]) -> bool:
    """Whether what a function makes of these is surely not large."""
    flat = [one for value in values for one in (value if type(value) in (list, tuple) else (value,))]
    tensors = [one for one in flat if is_plain(one)]
    if function is operator.getitem:
        return not any(str(one.dtype) in ("torch.bool", "torch.uint8") for one in tensors[1:])
    spread = 1
    if getattr(function, "__name__", "") in _SPREADING | MADE:
        for one in flat:
            spread *= max(int(one), 1) if type(one) in (int, float) else 1
    for one in tensors:
        spread *= max(_rest(one, tensors), 1)
    return spread <= _MOST_MADE


def _rest(tensor: Any, tensors: list[Any]) -> int:
    """How many elements a tensor adds to a product: those of its dimensions that it does not share with the first."""
    if tensor is tensors[0]:
        return int(tensor.numel())
    shared, rest = list(tensors[0].shape), 1
    for size in tensor.shape:
        if size in shared:
            shared.remove(size)
        else:
            rest *= size
    return rest
