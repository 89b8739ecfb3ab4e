"""A batch or an output, taken apart: its tensors by name, a copy of it, a part of it, the same elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torchdoctor.probes.plain import loaded


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same with each tensor changed: in tuples, lists and mappings; what is of another kind stays as it is."""
    torch = loaded("torch")
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, change) for item in value))
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(item, change) for item in value)
    return value


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors in a batch or an output, each with its name: "0", "logits", "hidden.1"; "" for a tensor alone."""
    torch = loaded("torch")
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None) or range(len(value))
        items = zip(names, value, strict=True)
    elif is_dataclass(value) and not isinstance(value, type):
        items = ((one.name, getattr(value, one.name)) for one in fields(value))
    else:
        return
    for key, item in items:
        yield from leaves(item, f"{name}.{key}" if name else str(key))


def copied(batch: Any) -> Any:
    """A batch whose tensors are copies: a model may write into them."""
    return mapped(batch, lambda t: t.detach().clone().requires_grad_(t.requires_grad))


def size_of(batch: Any, dim: int) -> int | None:
    """How many samples: the size in which all its tensors agree; None where they do not."""
    sizes = {tensor.shape[dim] for _, tensor in leaves(batch) if tensor.dim() > dim}
    return sizes.pop() if len(sizes) == 1 else None


def part_of(batch: Any, count: int, dim: int) -> Any:
    """The first samples of a batch, copied; a list as long as the batch is one of samples too."""
    size = size_of(batch, dim)

    def cut(value: Any) -> Any:
        if isinstance(value, list) and len(value) == size and not any(True for _ in leaves(value)):
            return value[:count]
        if isinstance(value, Mapping):
            return {key: cut(item) for key, item in value.items()}
        if type(value) in (tuple, list):
            return type(value)(cut(item) for item in value)
        return mapped(value, lambda t: t.detach().narrow(dim, 0, count).clone() if t.dim() > dim else t)

    return cut(batch)
