"""Finds integers that are given to layers with float weights, to products with floats, and to functions of floats.

Silent where either dtype is not known, and under autocast's own casts, which do not touch integers.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.torch_api.wanted_dtypes import (
    FLOAT_FUNCTIONS,
    FLOAT_LAYERS,
    INTEGER_WORDS,
    PAIRED,
    is_discrete,
    is_float,
)
from torchdoctor.facts.torchs_own import is_torchs
from torchdoctor.facts.values import Const

_NAMES = FLOAT_LAYERS.union(PAIRED, FLOAT_FUNCTIONS)
_SWAPPABLE = ("Name", "Attribute", "Call", "Subscript")


@on_file(words=_NAMES | {"@"})
def check(file: File, _: File) -> Iterator[Found]:
    if INTEGER_WORDS.isdisjoint(file.mentions):
        return
    groups = (INTEGER_WORDS,) if file.nodes(cst.MatrixMultiply) else (INTEGER_WORDS, _NAMES)
    for verdict in judged(file, _NAMES, _judge, *groups):
        use, name = verdict.operation, verdict.says
        if may_fail(use.file, use.node) or may_fail(file, verdict.node):
            continue
        tensor, given = use.tensor(str(name)), use.expression(str(name))
        assert tensor is not None and tensor.dtype is not None
        what = f"`{short(use.file, given)}`" if given is not None else "what"
        takes = f"`nn.{use.name}` has float weights" if use.layer is not None else f"`{use.name}` works on floats here"
        yield Found(
            verdict.node,
            f"{what} is {tensor.dtype.value}, and {takes}" if given is not None else _inside(use, tensor.dtype.value),
            marks=reasons(verdict, (tensor.dtype, f"made {tensor.dtype.value} here")),
            swaps=(Swap(given, f"{file.code(given)}.float()"),)
            if given is not None and not verdict.elsewhere and type(given).__name__ in _SWAPPABLE
            else (),
        )


def _inside(use: Operation, dtype: str) -> str:
    return f"`{short(use.file, use.node)}` gives {dtype} to its `nn.{use.name}`, which works on floats"


def _judge(use: Operation) -> str | None:
    """The argument that holds integers where torch wants floats."""
    if use.layer is not None or use.name in FLOAT_LAYERS:
        return "input" if is_discrete(use.tensor()) else None
    if use.name in PAIRED:
        pair = [(name, use.tensor(name)) for name in PAIRED[use.name]]
        if any(is_discrete(one) for _, one in pair) and any(is_float(one) for _, one in pair):
            return next(name for name, one in pair if is_discrete(one))
        return None
    dtype = use.value("dtype")
    cast = dtype is not None and not (isinstance(dtype, Const) and dtype.value is None)
    if cast or use.use.arguments.starred or not is_discrete(use.tensor()):
        return None
    given = use.expression()  # what may be an array of NumPy's has a mean of any dtype
    return None if given is not None and not is_torchs(use.flow, given) else "input"
