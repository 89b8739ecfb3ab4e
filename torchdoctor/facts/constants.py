"""Literals as values, and how two constants compare."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import libcst as cst

from torchdoctor.facts.literals import NAMED, literal
from torchdoctor.facts.values import UNKNOWN, Const, Function, Made, Named, Sequence, Tensor, Value, const

NAMED_CONSTANTS: dict[str, Value] = {name: const(value) for name, value in NAMED.items()}
_SINGLES = (None, True, False, ...)
_KNOWN: dict[str, Value] = {}  # by their text, which tells numbers and strings apart: the same ones come again
_MOST, _LONGEST = 10_000, 100  # of them, and of their letters
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    cst.Equal: operator.eq, cst.NotEqual: operator.ne, cst.LessThan: operator.lt, cst.LessThanEqual: operator.le,
    cst.GreaterThan: operator.gt, cst.GreaterThanEqual: operator.ge,
}  # fmt: skip


def constant(node: cst.Integer | cst.Float | cst.SimpleString) -> Value:
    """The value of a number or a string."""
    known = _KNOWN.get(node.value)
    if known is None:
        known = written(node)
        if len(_KNOWN) < _MOST and len(node.value) <= _LONGEST:
            _KNOWN[node.value] = known
    return known


def written(node: cst.CSTNode) -> Value:
    """The value of any literal; of what is none nothing is known."""
    plain = literal(node)
    return const(plain) if isinstance(plain, (int, float, complex, str, bytes)) else UNKNOWN


def identical(left: Value, right: Value) -> bool | None:
    """`left is right`, where it is sure; mostly `x is None`."""
    if isinstance(left, Const) and isinstance(right, Const):
        # Two equal numbers or strings may be one or not.
        return left.value is right.value if left.value != right.value or right.value in _SINGLES else None
    if isinstance(right, Const) and right.value is None and isinstance(left, (Made, Named, Tensor, Sequence, Function)):
        return False
    return None


def compared(how: cst.BaseCompOp, left: Any, right: Any) -> Value:
    """`left < right` and such, of the values of constants."""
    compare = _COMPARE.get(type(how))
    try:
        return UNKNOWN if compare is None else const(bool(compare(left, right)))
    except TypeError:
        return UNKNOWN
