"""Python's own containers: what is in them when they are made, and what is put into them later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.origins import assigned

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_MAKERS = frozenset({
    "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.dict", "builtins.reversed",
    "builtins.sorted", "collections.OrderedDict", "collections.deque", "collections.defaultdict", "builtins.zip",
    "builtins.enumerate", "builtins.map",
})  # fmt: skip
# Methods that put one thing in, with its position among the arguments; and those that put in all there is in another.
_ADDERS = {"append": 0, "appendleft": 0, "add": 0, "insert": 1, "setdefault": 1}
_MERGERS = frozenset({"extend", "update"})
_DEPTH = 4


def items(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> list[cst.BaseExpression] | None:
    """The expressions of what a plain container holds when it is made, those of containers inside it too.

    A comprehension gives its element's expression once. None where ``node`` is no container of Python's own.
    """
    if depth == 0:
        return None
    if isinstance(node, (cst.List, cst.Tuple, cst.Set)):
        return [inner for e in node.elements for inner in _element(file, e, depth)]
    if type(node) is cst.Dict:
        return [inner for e in node.elements for inner in flattened(file, e.value, depth - 1)]
    if isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
        return flattened(file, node.elt, depth - 1)
    if type(node) is cst.DictComp:
        return flattened(file, node.value, depth - 1)
    if type(node) is cst.BinaryOperation and isinstance(node.operator, (cst.Add, cst.Multiply)):
        sides = [side for part in (node.left, node.right) if (side := items(file, part, depth - 1)) is not None]
        return [item for side in sides for item in side] if sides else None
    if type(node) is cst.Call and file.name(node.func) in _MAKERS:
        return _made(file, node, depth)
    return None


def _element(file: File, element: cst.BaseElement, depth: int) -> list[cst.BaseExpression]:
    if type(element) is cst.StarredElement:
        return items(file, element.value, depth - 1) or []
    return flattened(file, element.value, depth - 1)


def flattened(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> list[cst.BaseExpression]:
    """The items of a container, or the expression itself where it is none."""
    inner = items(file, node, depth)
    return [node] if inner is None else inner


def _made(file: File, call: cst.Call, depth: int) -> list[cst.BaseExpression]:
    """`list(...)`, `dict(a=...)`, `OrderedDict([...])`, `map(lambda i: ..., ...)`, `defaultdict(lambda: ...)`."""
    found: list[cst.BaseExpression] = []
    for arg in call.args:
        if type(arg.value) is cst.Lambda:
            found += flattened(file, arg.value.body, depth - 1)
        elif arg.keyword is not None and file.name(call.func) not in ("builtins.sorted", "builtins.enumerate"):
            found += flattened(file, arg.value, depth - 1)
        else:
            found += items(file, arg.value, depth - 1) or []
    return found


@dataclass(frozen=True, slots=True)
class Addition:
    """A place where something is put into a container, and the expressions of what is."""

    node: cst.CSTNode
    values: tuple[cst.BaseExpression, ...]
    key: cst.BaseExpression | None = None


def additions(file: File, is_target: Callable[[cst.BaseExpression], bool]) -> Iterator[Addition]:
    """What the file puts into the container that ``is_target`` knows by an expression for it, or into one inside it."""
    for method in (*_ADDERS, *_MERGERS):
        for call in file.calls_by_method.get(method, ()):
            if type(call.func) is cst.Attribute and is_target(_outermost(call.func.value)):
                if values := _added(file, call, method):
                    yield Addition(call, tuple(values))
    for augmented in file.nodes(cst.AugAssign):
        if type(augmented.operator) is cst.AddAssign and is_target(_outermost(augmented.target)):
            yield Addition(augmented, tuple(_all_items(file, augmented.value)))
    for assign in file.nodes(cst.Assign):
        for target in assign.targets:
            if type(target.target) is cst.Subscript and is_target(_outermost(target.target)):
                index = target.target.slice[0].slice
                key = index.value if type(index) is cst.Index else None
                yield Addition(assign, tuple(flattened(file, assign.value)), key)


def _outermost(node: cst.BaseExpression) -> cst.BaseExpression:
    """The container that `groups["a"][0]` is in."""
    while type(node) is cst.Subscript:
        node = node.value
    return node


def _added(file: File, call: cst.Call, method: str) -> list[cst.BaseExpression]:
    if method in _MERGERS:
        return [item for arg in call.args for item in (_all_items(file, arg.value) if not arg.keyword else [arg.value])]
    place = _ADDERS.get(method)
    if place is None or len(call.args) <= place:
        return []
    return flattened(file, call.args[place].value)


def _all_items(file: File, node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The items of a container that is written here or stands in a variable."""
    nodes = assigned(file, node) if type(node) is cst.Name else [node]
    return [item for one in nodes for item in items(file, one) or []]
