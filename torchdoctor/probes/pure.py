"""The value of an expression in a frame, without running anything.

Names are looked up, attributes found where they lie, builtin containers subscripted, plain numbers reckoned. What would
call a function, a property, a `__getattr__` or an overloaded operator is not known: Unknown is raised. The few calls
that are answered (``len``, ``x.size(0)``) are answered from what is at hand.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any

from torchdoctor.probes.lookup import PLAIN, Method, Unknown, attribute, is_size, item
from torchdoctor.probes.module import held, is_module
from torchdoctor.probes.plain import MISSING, length, static
from torchdoctor.probes.tensor import is_plain, is_tensor

_NUMBERS = (int, float, bool)
_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip
_DEEPEST = 60
_SIZE_METHODS = {"size", "dim", "numel", "ndimension", "nelement"}


class Scope:
    """Where names are looked up: a frame's locals, globals and builtins, taken once."""

    def __init__(self, local: Mapping[str, Any], global_: Mapping[str, Any], builtin: Mapping[str, Any]) -> None:
        self._places = (local, global_, builtin)
        self._depth = 0

    def value(self, node: ast.expr) -> Any:
        """The value of an expression. Raises Unknown."""
        reader = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is None or self._depth > _DEEPEST:
            raise Unknown
        self._depth += 1
        try:
            return reader(node)
        except Unknown:
            raise
        except Exception:
            raise Unknown from None
        finally:
            self._depth -= 1

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        for place in self._places:
            if (found := place.get(node.id, MISSING)) is not MISSING:
                return found
        raise Unknown

    def _attribute(self, node: ast.Attribute) -> Any:
        return attribute(self.value(node.value), node.attr)

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self._elements(node.elts))

    def _list(self, node: ast.List) -> Any:
        return self._elements(node.elts)

    def _elements(self, nodes: list[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += _sequence(self.value(node.value))
            else:
                found.append(self.value(node))
        return found

    def _dict(self, node: ast.Dict) -> Any:
        if any(key is None for key in node.keys):
            raise Unknown
        keys = [self.value(key) for key in node.keys if key is not None]
        if not all(type(key) in PLAIN for key in keys):
            raise Unknown
        return dict(zip(keys, (self.value(value) for value in node.values), strict=True))

    def _slice(self, node: ast.Slice) -> Any:
        return slice(*(None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)))

    def _subscript(self, node: ast.Subscript) -> Any:
        return item(self.value(node.value), self.value(node.slice))

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if type(value) not in _NUMBERS:
            raise Unknown
        return _OPERATORS[type(node.op)](value)

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        apply = _OPERATORS.get(type(node.op))
        numbers = type(left) in _NUMBERS and type(right) in _NUMBERS
        joined = isinstance(node.op, ast.Add) and type(left) is type(right) and type(left) in (str, tuple, list)
        if apply is None or not (numbers or joined):
            raise Unknown
        return apply(left, right)

    def _compare(self, node: ast.Compare) -> Any:
        values = [self.value(part) for part in (node.left, *node.comparators)]
        identities = all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        if not identities and not all(type(value) in PLAIN for value in values):
            raise Unknown
        pairs = zip(node.ops, values, values[1:], strict=False)
        return all(_OPERATORS[type(op)](left, right) for op, left, right in pairs)

    def _ifexp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if type(test) not in PLAIN:
            raise Unknown
        return self.value(node.body if test else node.orelse)

    def _call(self, node: ast.Call) -> Any:
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise Unknown
        callee = self.value(node.func)
        arguments = [self.value(arg) for arg in node.args]
        if type(callee) is Method and callee.name in _SIZE_METHODS and is_plain(callee.owner):
            return callee.function(callee.owner, *arguments)
        if callee is len and len(arguments) == 1:
            return _length(arguments[0])
        if _one_of(callee, int, float, tuple, list) and len(arguments) == 1:
            return _converted(callee, arguments[0])
        if _one_of(callee, min, max, range) and all(type(arg) in _NUMBERS for arg in arguments):
            return callee(*arguments)
        raise Unknown


def _one_of(value: object, *known: object) -> bool:
    """By identity: `in` would ask the value's `__eq__`."""
    return any(value is one for one in known)


def _length(value: object) -> int:
    if is_tensor(value):
        sizes = attribute(value, "shape")
        return int(sizes[0])
    if is_module(value):
        return len(held(value, "_modules"))
    found = length(value) if _one_of(static(type(value), "__len__"), *_LENGTHS) else None
    if found is None:
        raise Unknown
    return found


_LENGTHS = [vars(kind)["__len__"] for kind in (list, tuple, dict, str, bytes, set, frozenset, range)]


def _converted(kind: Any, value: object) -> Any:
    if kind in (int, float):
        if type(value) in (int, float, bool, str):
            return kind(value)
        raise Unknown
    return kind(_sequence(value))


def _sequence(value: object) -> list[Any]:
    if type(value) in (list, tuple, range) or is_size(value):
        return list(value)  # type: ignore[call-overload, no-any-return]
    raise Unknown
