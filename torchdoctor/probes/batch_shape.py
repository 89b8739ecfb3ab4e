"""The shapes of a batch as one short text, and the value of a loss where it costs nothing to read it."""

from __future__ import annotations

import sys
from collections import UserDict
from functools import lru_cache
from typing import Any

_DEEPEST, _MOST = 2, 8
_MANY = "of these"


def sizes(batch: Any) -> Any:
    """The sizes of a batch's tensors, as what ``text`` makes words of; None for what holds no tensor."""
    if type(batch) is list and len(batch) == 2:  # what most loaders give, in the fewest steps
        try:
            return (_MANY, batch[0].shape, batch[1].shape)
        except Exception:
            return _sizes(batch, 0)
    return _sizes(batch, 0)


@lru_cache(maxsize=4096)
def text(sizes: Any) -> str:
    """ "64x3x32x32, 64" for a pair of tensors; "" for none."""
    return ", ".join("x".join(map(str, one)) or "scalar" for one in _flat(sizes))[:120]


def _sizes(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is not list and kind is not tuple:
        try:
            shape = value.shape
            return shape if isinstance(shape, tuple) else tuple(shape)
        except Exception:  # no tensor; or a nested one, which has no one shape
            if not isinstance(value, (dict, UserDict, tuple, list)):
                return None
    if depth >= _DEEPEST:
        return None
    if isinstance(value, (dict, UserDict)):
        value = list(value.values())
    return (_MANY, *[_sizes(one, depth + 1) for one in value[:_MOST]])


def _flat(key: Any) -> list[tuple[Any, ...]]:
    if key is None:
        return []
    if key and key[0] is _MANY:
        return [one for part in key[1:] for one in _flat(part)]
    return [key]


def value_of(root: Any) -> float | None:
    """The value of a loss; None where it lies on a GPU, which would have to be waited for, or is of another kind."""
    torch = sys.modules.get("torch")
    if torch is None or type(root) is not torch.Tensor or root.device.type != "cpu" or root.numel() != 1:
        return None
    try:
        return float(root.detach())
    except Exception:
        return None


def batch_size(iterator: Any) -> int | None:
    """How many samples the loader of this iterator puts into a batch."""
    size = getattr(getattr(iterator, "_index_sampler", None), "batch_size", None)
    return size if type(size) is int else None
