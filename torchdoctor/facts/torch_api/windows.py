"""Sizes that sliding windows give: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.values import Dim


def each(use: Use, name: str, default: Dim, rank: int) -> tuple[Dim, ...]:
    """A setting for each dimension: one for all, or a tuple. Raises NotKnown."""
    value = use.value(name)
    if value is None:
        return (default,) * rank
    if (one := s.dim(value)) is not None:
        return (one,) * rank
    found = use.sizes(name)
    if len(found) == 1:
        return found * rank
    if len(found) != rank:
        raise NotKnown(name)
    return found


def spatial(shape: Shape | None, rank: int) -> tuple[Shape, Shape] | None:
    """A shape parted into batch and channels, and ``rank`` dimensions of space; None where it does not fit."""
    if shape is None or len(shape) not in (rank + 1, rank + 2):
        return None
    return shape[:-rank], shape[-rank:]


def slid(size: Dim, kernel: Dim, stride: Dim, padding: Dim, dilation: Dim = 1, *, up: bool = False) -> Dim:
    """How many windows fit; ``up`` counts one that only begins inside."""
    reach = s.product((dilation, s.difference(kernel, 1)))
    room = s.difference(s.total((size, s.product((2, padding)))), s.total((reach, 1)))
    if up:
        if not all(isinstance(one, int) for one in (size, room, stride, padding)):
            return None
        assert isinstance(size, int) and isinstance(room, int) and isinstance(stride, int) and isinstance(padding, int)
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= size + padding else count
    return s.total((s.quotient(room, stride), 1))


def spread(size: Dim, kernel: Dim, stride: Dim, padding: Dim, more: Dim, dilation: Dim) -> Dim:
    """The size that a transposed convolution makes."""
    reach = s.product((dilation, s.difference(kernel, 1)))
    begun = s.product((s.difference(size, 1), stride))
    return s.total((begun, s.product((-2, padding)), reach, more, 1))


def convolved(use: Use, shape: Shape | None, channels: Dim, kernel: Sequence[Dim], rank: int) -> Shape | None:
    """The shape of a convolution's result, whose settings have torch's usual names."""
    parts = spatial(shape, rank)
    if parts is None:
        return (None,) * len(shape) if shape is not None else None
    front, sizes = parts
    head = (*front[:-1], channels)
    padding = use.value("padding")
    named = use.plain(padding) if padding is not None and s.dim(padding) is None and not use.items(padding) else None
    if named == "same":
        return (*head, *sizes)
    stride, dilation = each(use, "stride", 1, rank), each(use, "dilation", 1, rank)
    edge = (0,) * rank if named == "valid" else each(use, "padding", 0, rank)
    return (*head, *map(slid, sizes, kernel, stride, edge, dilation))


def transposed(use: Use, shape: Shape | None, channels: Dim, kernel: Sequence[Dim], rank: int) -> Shape | None:
    """The shape of a transposed convolution's result."""
    parts = spatial(shape, rank)
    if parts is None:
        return None
    front, sizes = parts
    settings = (
        each(use, "stride", 1, rank),
        each(use, "padding", 0, rank),
        each(use, "output_padding", 0, rank),
        each(use, "dilation", 1, rank),
    )
    return (*front[:-1], channels, *map(spread, sizes, kernel, *settings))


def pooled(use: Use, shape: Shape | None, rank: int) -> Shape | None:
    """The shape of a pooling's result: the stride is the kernel's size unless it is given."""
    parts = spatial(shape, rank)
    if parts is None:
        return None
    front, sizes = parts
    kernel = each(use, "kernel_size", None, rank)
    stride = each(use, "stride", None, rank) if use.has("stride") else kernel
    padding, dilation = each(use, "padding", 0, rank), each(use, "dilation", 1, rank)
    up = use.flag("ceil_mode")
    return (*front, *(slid(*one, up=up) for one in zip(sizes, kernel, stride, padding, dilation, strict=True)))


def adapted(use: Use, shape: Shape | None, rank: int) -> Shape | None:
    """The shape of an adaptive pooling's result: None keeps a size."""
    parts = spatial(shape, rank)
    if parts is None:
        return None
    front, sizes = parts
    asked = use.constant("output_size")
    wanted = (asked,) * rank if not isinstance(asked, tuple) else asked
    if len(wanted) != rank:
        return None
    return (*front, *(size if want is None else want for size, want in zip(sizes, wanted, strict=True)))
