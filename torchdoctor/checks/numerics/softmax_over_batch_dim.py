"""Finds a softmax over dimension 0 of scores whose first dimension is the batch.

It is the batch where a loader gave it, and where the best class is looked for in the last dimension.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, Verdict, judged
from torchdoctor.facts.picking import is_picked
from torchdoctor.facts.values import Const, Dim, Element, Size

_NAMES = frozenset({"softmax", "log_softmax", "Softmax", "LogSoftmax"})


@on_file(words=_NAMES)
def check(file: File, _: File) -> Iterator[Found]:
    if not any(_may_be_first(file, call) for call in file.nodes(cst.Call)):
        return
    for verdict in judged(file, _NAMES, _judge, _NAMES):
        use = verdict.operation
        tensor = use.tensor()
        what = f"`nn.{use.name}`" if use.layer is not None else f"`{short(use.file, use.node)}`"
        assert tensor is not None
        yield Found(
            verdict.node,
            f"{what} sums to one over dimension 0, which is the batch: each class competes among the samples",
            marks=_made(verdict),
            swaps=_last(verdict),
        )


def _may_be_first(file: File, call: cst.Call) -> bool:
    """Whether a softmax is given a dimension that may be the first, by the text."""
    called = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    if not isinstance(called, cst.Name) or called.value not in _NAMES:
        return False
    dims = [arg.value for arg in call.args if arg.star or arg.keyword is None or arg.keyword.value == "dim"]
    known = [file.constant(dim) for dim in dims[-1:]]
    return bool(dims) and not any(isinstance(dim, int) and (dim > 0 or dim == -1) for dim in known)


def _judge(use: Operation) -> bool | None:
    dim, tensor = use.value("dim"), use.tensor()
    if tensor is None or tensor.shape is None or not isinstance(dim, Const) or dim.kind is not int:
        return None
    dims = tensor.shape.value
    if len(dims) < 2 or dim.value not in (0, -len(dims)) or dims[-1] == 1:
        return None
    return True if _is_of_loader(dims[0]) or is_picked(use, tensor, len(dims)) else None


def _is_of_loader(size: Dim) -> bool:
    return isinstance(size, Size) and isinstance(size.of, Element) and size.dim == 0


def _made(verdict: Verdict) -> tuple[tuple[cst.CSTNode, str, File], ...]:
    use = verdict.operation
    layer = use.layer.call if use.layer is not None else None
    return ((layer, "made here", use.file),) if layer is not None and use.file.holds(layer) else ()


def _last(verdict: Verdict) -> tuple[Swap, ...]:
    """-1 for the dimension that is written in the call."""
    use = verdict.operation
    call = use.layer.call if use.layer is not None else use.node
    if verdict.elsewhere or not isinstance(call, cst.Call) or not use.file.holds(call):
        return ()
    zero = next((arg.value for arg in call.args if isinstance(arg.value, cst.Integer) and arg.value.value == "0"), None)
    return (Swap(zero, "-1"),) if zero is not None else ()
