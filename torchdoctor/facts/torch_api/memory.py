"""Rules for where a result lies in memory: new and in order, new in the order of an operand, or not known."""

from __future__ import annotations

from collections.abc import Callable

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dense, is_contiguous
from torchdoctor.facts.tensor import contiguous, placed, scattered
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.rules import element_wise
from torchdoctor.facts.values import Tensor

MemoryRule = Callable[[Use, Shape | None], Tensor]


def fresh(use: Use, shape: Shape | None) -> Tensor:
    """A new contiguous tensor, whatever the inputs' layout."""
    return contiguous(Tensor(use.node), shape, use.node)


def unordered(use: Use, shape: Shape | None) -> Tensor:
    """Nothing is known."""
    return scattered(Tensor(use.node), shape, use.node)


def fresh_if_contiguous(use: Use, shape: Shape | None) -> Tensor:
    """Contiguous where every operand is; else it depends."""
    operands = list(use.operands())
    sure = operands and all(_is_contiguous(operand) for operand in operands)
    return (fresh if sure else unordered)(use, shape)


def fresh_if_input_contiguous(use: Use, shape: Shape | None) -> Tensor:
    """Contiguous where the input is; else it depends.

    A contiguous input whose strides are those of channels_last as well (one channel) may give channels_last.
    """
    return (fresh if _is_contiguous(use.tensor()) else unordered)(use, shape)


def kept(use: Use, shape: Shape | None) -> Tensor:
    """A new tensor whose dimensions lie in the order of the input's: what element-wise functions of one tensor give."""
    return kept_order(use, use.tensor(), shape)


def kept_order(use: Use, tensor: Tensor, shape: Shape | None) -> Tensor:
    """A new tensor in the order of this one."""
    if _is_contiguous(tensor):
        return contiguous(Tensor(use.node), shape, use.node).but(contiguous=tensor.contiguous)
    layout = dense(tensor.layout.value) if tensor.layout is not None else None
    if layout is None or tensor.layout is None:
        return scattered(Tensor(use.node), shape, use.node)
    return placed(Tensor(use.node), shape, layout, tensor.layout.because)


def kept_or_same(use: Use, shape: Shape | None) -> Tensor:
    """The input itself or a copy in the order of its dimensions, which of the two is not known."""
    tensor = use.tensor()
    copy = kept_order(use, tensor, shape)
    if tensor.layout is None or copy.layout is None or tensor.layout.value == copy.layout.value:
        return copy
    return placed(Tensor(use.node), shape, None, use.node)


def kept_by_all(use: Use, shape: Shape | None) -> Tensor:
    """What element-wise functions of several tensors give: the first operand leads where all dimensions are its own."""
    operands = [as_tensor(value) for value in element_wise(use)]
    tensors = [tensor for tensor in operands if tensor is not None and tensor.rank != 0]
    if None in operands:
        return unordered(use, shape)
    if all(_is_contiguous(tensor) for tensor in tensors):
        return fresh(use, shape)
    first = tensors[0]
    alone = len(tensors) == 1
    if alone or (first.shape is not None and shape is not None and _covers(first.shape.value, shape)):
        return kept_order(use, first, shape)
    return unordered(use, shape)


def _covers(shape: Shape, result: Shape) -> bool:
    """Whether no dimension of the result is broadcast from another operand."""
    return len(shape) == len(result) and all(s.same(a, b) for a, b in zip(shape, result, strict=True))


def _is_contiguous(tensor: Tensor) -> bool:
    if tensor.contiguous is not None:
        return tensor.contiguous.value
    return tensor.layout is not None and is_contiguous(tensor.layout.value) is True
