"""What the checks of memory layout share: the words that move dimensions, and the sizes that a call asks for."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts import sizes
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.values import Dim, Made, Sequence, Value

# Whatever gives a tensor another order in memory than its dimensions have.
MOVERS = frozenset({
    "transpose", "permute", "t", "T", "mT", "H", "mH", "swapaxes", "swapdims", "movedim", "moveaxis", "expand",
    "expand_as", "broadcast_to", "narrow", "chunk", "split", "unbind", "select", "unfold", "diagonal", "as_strided",
    "transpose_", "t_", "tensor_split", "hsplit", "randn", "rand", "zeros", "ones", "empty", "full", "arange",
})  # fmt: skip
_LONG = 50


def asked_sizes(call: cst.Call, flow: Flow, skip: int = 0) -> tuple[Dim, ...] | None:
    """The sizes of `x.view(a, b)`, `x.view((a, b))` or, with one argument skipped, `torch.reshape(x, (a, b))`.

    None where not all arguments are seen.
    """
    args = call.args[skip:]
    if any(arg.star for arg in args):
        return None
    values: tuple[Value, ...] = tuple(flow.value(arg.value) for arg in args)
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = values[0].items
    elif len(values) == 1 and isinstance(values[0], Made) and values[0].name == "builtins.list":
        values = values[0].args
    elif any(arg.keyword is not None for arg in args):
        return None
    return tuple(sizes.dim(value) for value in values)


def short(file: File, node: cst.CSTNode) -> str:
    """The source of an expression on one line, cut where it is long."""
    code = " ".join(file.code(node).split())
    return code if len(code) <= _LONG else f"{code[: _LONG - 3]}..."
