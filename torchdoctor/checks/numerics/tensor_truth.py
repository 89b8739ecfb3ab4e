"""Finds tensors of several elements that are asked whether they are true: in `if`, `while`, `assert`, `and`, `not`.

Silent where a size is not known, and for one element.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import reached
from torchdoctor.facts.refusal import shape_text
from torchdoctor.facts.torch_api.wanted_dtypes import FLOAT_WORDS, INTEGER_WORDS
from torchdoctor.facts.values import Element, Size, Tensor

_STATEMENTS = (cst.If, cst.While, cst.Assert, cst.IfExp)
_KINDS = (cst.Name, cst.Comparison, cst.Call, cst.Subscript, cst.Attribute, cst.BinaryOperation)


@on_file(words=("if", "while", "assert", "and", "or", "not"))
def check(file: File, _: File) -> Iterator[Found]:
    if not (FLOAT_WORDS | INTEGER_WORDS) & file.mentions.keys():
        return
    asked = [node for node in _asked(file) if isinstance(node, _KINDS) and not may_fail(file, node)]
    told = set()
    for flow in reached(file, file.flows.touching(FLOAT_WORDS | INTEGER_WORDS)) if asked else ():
        for node in asked:
            value = flow.values.get(node)
            if node in told or not isinstance(value, Tensor) or not _has_several(value):
                continue
            told.add(node)
            assert value.shape is not None
            yield Found(
                node,
                f"`{short(file, node)}` has the shape {shape_text(value.shape.value)} and is asked whether it is true",
            )


def _asked(file: File) -> Iterator[cst.BaseExpression]:
    """The expressions that Python asks for their truth."""
    for kind in _STATEMENTS:
        for node in file.nodes(kind):
            yield node.test  # type: ignore[attr-defined]
    for both in file.nodes(cst.BooleanOperation):
        yield both.left
    for single in file.nodes(cst.UnaryOperation):
        if isinstance(single.operator, cst.Not):
            yield single.expression
    for call in file.calls("builtins.bool"):
        if len(call.args) == 1:
            yield call.args[0].value


def _has_several(tensor: Tensor) -> bool:
    """Whether there is more than one element: by the numbers, or in a batch."""
    dims = tensor.shape.value if tensor.shape is not None else ()
    if 0 in dims or None in dims:
        return False
    return any(
        (isinstance(dim, int) and dim > 1) or (isinstance(dim, Size) and isinstance(dim.of, Element)) for dim in dims
    )
