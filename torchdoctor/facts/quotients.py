"""Numbers that a true division gives: floats, whatever is divided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.torch_api.wanted_dtypes import FLOAT_WORDS
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Arithmetic, Const, Size, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_KEEPING = ("+", "-", "*", "/")  # of a float these make a float


def is_quotient(value: Value) -> bool:
    """Whether a value is surely a float by how it is computed: `n / 2`, `n / 2 - 1`, `100 / 2`."""
    if isinstance(value, Const):
        return value.kind is float
    if not isinstance(value, Arithmetic) or value.operator not in _KEEPING:
        return False
    return value.operator == "/" or any(map(is_quotient, value.operands))


def sized(value: Value) -> Iterator[Value]:
    """The tensors whose sizes a number is computed from: what has a size is no dict."""
    if isinstance(value, Size):
        yield value.of
    elif isinstance(value, Arithmetic):
        for operand in value.operands:
            yield from sized(operand)


def divided_keys(file: File) -> dict[cst.BaseExpression, cst.Subscript]:
    """The indices, and bounds of slices, in which a division stands, or a name that is given one: by the text alone."""
    found: dict[cst.BaseExpression, cst.Subscript] = {}
    for node in file.nodes(cst.Subscript):
        for element in node.slice:
            part = element.slice
            bounds = (part.value,) if isinstance(part, cst.Index) else (part.lower, part.upper)  # type: ignore[attr-defined]
            found |= {bound: node for bound in bounds if bound is not None and _is_divided(file, bound)}
    return found


def _is_divided(file: File, node: cst.BaseExpression, depth: int = 2) -> bool:
    if isinstance(node, cst.BinaryOperation):
        sides = (node.left, node.right)
        return isinstance(node.operator, cst.Divide) or any(_is_divided(file, side, depth) for side in sides)
    if not isinstance(node, cst.Name) or not depth:
        return False
    return any(_is_divided(file, value, depth - 1) for value in file.scopes.values(node)[:4])


def is_tensor_indexed(of: Value, index: Value) -> bool:
    """Whether a float can be no key of what is indexed: a tensor, or what the index is computed from the size of."""
    return isinstance(of, Tensor) or any(one == of or getattr(one, "of", None) == of for one in sized(index))


def may_hold_floats(file: File, name: cst.Name) -> bool:
    """Whether a variable is given a quotient, or what a function of floats gives: by the text alone."""
    parts = [part for value in file.scopes.values(name)[:4] for part in within(value)]
    return any(
        isinstance(part, cst.Divide) or (isinstance(part, cst.Name) and part.value in FLOAT_WORDS) for part in parts
    )
