"""The values of literals."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

MISSING: Any = object()
NAMED = {"None": None, "True": True, "False": False}
_PLAIN = re.compile(r"""(['"])([^\\'"\n]*)\1""")  # what stands between the quotes is the string


def literal(node: cst.CSTNode) -> Any:
    """The Python value of a literal (numbers, strings, tuples, lists, signs); MISSING where it is none."""
    kind = type(node)
    try:
        if kind is cst.Name:
            return NAMED.get(node.value, MISSING)  # type: ignore[attr-defined]
        if kind is cst.Integer:
            return int(node.value, 0)  # type: ignore[attr-defined]
        if kind is cst.Float:
            return float(node.value)  # type: ignore[attr-defined]
        if kind is cst.SimpleString and (plain := _PLAIN.fullmatch(node.value)):  # type: ignore[attr-defined]
            return plain[2]
        if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
            return node.evaluated_value
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
            inner = literal(node.expression)
            return -inner if isinstance(inner, (int, float)) else MISSING
        if isinstance(node, (cst.Tuple, cst.List)):
            items = [literal(element.value) for element in node.elements]
            if any(item is MISSING for item in items):
                return MISSING
            return tuple(items) if isinstance(node, cst.Tuple) else items
    except Exception:  # a literal that Python itself would refuse
        return MISSING
    return MISSING
