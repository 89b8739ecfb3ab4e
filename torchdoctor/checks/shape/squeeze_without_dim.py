"""Finds `squeeze()` of a batch whose other dimensions of one are meant: a batch of one sample is squeezed away as well.

Silent where the shape is not known, where the batch is known to hold more or is always one sample, and where numbers
are read out of the result or its dimensions are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.lost_batch import lost_batch
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.refusal import shape_text
from torchdoctor.facts.values import Tensor

_NAMES = frozenset({"squeeze"})


@on_file(words=_NAMES)
def check(file: File, _: File) -> Iterator[Found]:
    if not any(_takes_all(file, call) for call in file.calls_by_method.get("squeeze", ())):
        return
    for verdict in judged(file, _NAMES, _judge, _NAMES):
        use, tensor = verdict.operation, verdict.says
        assert isinstance(tensor, Tensor) and tensor.shape is not None
        rest = tensor.shape.value[1:]
        left = shape_text(tuple(dim for dim in rest if dim != 1))
        yield Found(
            verdict.node,
            f"`{short(use.file, use.node)}` makes {shape_text((1, *rest))} of one sample {left}: the batch is gone",
            marks=reasons(verdict, (tensor.shape, "it has its shape from here")),
            swaps=_with_dim(file, use, tuple(tensor.shape.value)) if not verdict.elsewhere else (),
        )


def _takes_all(file: File, call: cst.Call) -> bool:
    return len(call.args) == int(file.name(call.func) == "torch.squeeze")


def _judge(use: Operation) -> Tensor | None:
    named = use.value("dim") is None and not use.use.arguments.starred and not use.use.rest
    return lost_batch(use) if named and isinstance(use.node, cst.Call) and _takes_all(use.file, use.node) else None


def _with_dim(file: File, use: Operation, shape: tuple[object, ...]) -> tuple[Swap, ...]:
    """The dimension that is meant, or `flatten(1)` for `(N, C, 1, 1)`."""
    call = use.node
    ones = [place for place, dim in enumerate(shape) if place and dim == 1]
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute) or call.args:
        return ()
    before = file.code(call.func.value)
    if len(ones) == 1:
        return (Swap(call, f"{before}.squeeze({ones[0]})"),)
    return (Swap(call, f"{before}.flatten(1)"),) if ones == list(range(2, len(shape))) else ()
