"""One walk over a libcst tree: nodes by kind in source order, and each node's parent.

libcst's own metadata providers cost 2 to 6 times the parse; this walk costs about a fifth of it, because it reads the
fields that can hold syntax straight from each class and never looks at white space, commas or other punctuation.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import libcst as cst

from torchdoctor.facts.nodes import tell_apart_natively

N = TypeVar("N", bound=cst.CSTNode)

tell_apart_natively()

# Fields that hold only layout or punctuation. Operators stay: their classes say what an operation is.
_LAYOUT = frozenset({
    "lpar", "rpar", "lbracket", "rbracket", "lbrace", "rbrace", "comma", "semicolon", "colon", "dot", "equal",
    "header", "footer", "leading_lines", "leading_whitespace", "lines_after_decorators", "trailing_whitespace",
    "indent", "relative",
    "default_indent", "default_newline", "encoding", "has_trailing_newline", "asynchronous", "star", "first_colon",
    "second_colon", "lines_after_type_parameters", "newline", "comment", "type_parameters", "separator",
})  # fmt: skip
# Where the order of the fields is not the order in the source.
_ORDER: dict[type, tuple[str, ...]] = {
    cst.FunctionDef: ("decorators", "name", "params", "returns", "body"),
    cst.ClassDef: ("decorators", "name", "bases", "keywords", "body"),
    cst.Parameters: ("posonly_params", "posonly_ind", "params", "star_arg", "kwonly_params", "star_kwarg"),
    cst.Arg: ("keyword", "value"),
    cst.ExceptHandler: ("type", "name", "body"),
    cst.ExceptStarHandler: ("type", "name", "body"),
    cst.IfExp: ("body", "test", "orelse"),
    cst.MatchCase: ("pattern", "guard", "body"),
}
_FIELDS: dict[type, tuple[str, ...]] = {}  # by class, the last first


def _fields(kind: type) -> tuple[str, ...]:
    """The names of the fields of a node class that can hold nodes worth visiting, in source order."""
    names = _ORDER.get(kind) or tuple(field.name for field in dataclasses.fields(kind))
    return tuple(n for n in names if n not in _LAYOUT and not n.startswith("whitespace"))


# Classes that hold nothing worth visiting: recorded, never opened.
_CLOSED = (
    cst.Name, cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString, cst.FormattedStringText, cst.Pass, cst.Break,
    cst.Continue, cst.Ellipsis, cst.ParamStar, cst.ParamSlash, cst.ImportStar, cst.BaseUnaryOp, cst.BaseBinaryOp,
    cst.BaseBooleanOp, cst.BaseCompOp, cst.BaseAugOp,
)  # fmt: skip


# Whether what a field holds is a node. libcst's classes are abstract ones, for which isinstance() is slow where the
# answer is no, so it is asked once for each class.
_IS_NODE: dict[type, bool] = {}


def _is_node(kind: type) -> bool:
    found = _IS_NODE[kind] = issubclass(kind, cst.CSTNode)
    return found


@cache
def is_kind(kind: type, kinds: tuple[type, ...]) -> bool:
    """Whether a class is one of these or made from one: isinstance(node, kinds), remembered by class."""
    return issubclass(kind, kinds)


class Tree:
    """The index of one parsed module."""

    def __init__(self, module: cst.Module) -> None:
        self.module = module
        self.by_kind: dict[type[cst.CSTNode], list[cst.CSTNode]] = defaultdict(list)
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.order: dict[cst.CSTNode, int] = {}
        self._ends: dict[cst.CSTNode, int] = {}  # the last place that a node reaches to, where it was asked for
        self._walk()

    def _walk(self) -> None:
        by_kind, parents, order = self.by_kind, self.parents, self.order
        stack: list[cst.CSTNode] = [self.module]
        pop = stack.pop
        while stack:
            node = pop()
            kind = type(node)
            by_kind[kind].append(node)
            order[node] = len(order)
            at = len(stack)
            _push(node, stack)
            for below in stack[at:]:
                parents[below] = node

    def nodes(self, kind: type[N]) -> list[N]:
        """All nodes of exactly this class, in source order."""
        return self.by_kind.get(kind, [])  # type: ignore[return-value]

    def below(self, node: cst.CSTNode, kind: type[N]) -> list[N]:
        """The nodes of exactly this class in the node and below it, in source order."""
        found = self.by_kind.get(kind)
        if not found:
            return []
        order = self.order
        end = self._ends.get(node)
        if end is None:
            end = self._ends[node] = order[_last(node)]
        first = bisect_left(found, order[node], key=order.__getitem__)
        return found[first : bisect_right(found, end, first, key=order.__getitem__)]  # type: ignore[return-value]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self.parents.get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """From the parent outwards to the module."""
        parents = self.parents
        above = parents.get(node)
        while above is not None:
            yield above
            above = parents.get(above)

    def enclosing(self, node: cst.CSTNode, *kinds: type[N]) -> N | None:
        """The nearest ancestor of one of these classes."""
        for above in self.ancestors(node):
            if is_kind(type(above), kinds):
                return above  # type: ignore[return-value]
        return None


def _push(node: cst.CSTNode, stack: list[cst.CSTNode]) -> None:
    """Put the direct children on a stack, so that they come off it in source order."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = () if issubclass(kind, _CLOSED) else _fields(kind)[::-1]
    for name in fields:
        value = getattr(node, name)
        if value is None:
            continue
        kind = type(value)
        if kind is tuple or kind is list:
            if len(value) == 1:
                stack.append(value[0])
            else:
                stack += value[::-1]
        else:
            is_node = _IS_NODE.get(kind)
            if is_node or (is_node is None and _is_node(kind)):
                stack.append(value)


def _last(node: cst.CSTNode) -> cst.CSTNode:
    """The node in this one that comes last in the source."""
    stack = [node]
    while stack:
        node = stack[0]  # what is pushed first comes last
        stack.clear()
        _push(node, stack)
    return node


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The direct children that the walk visits, in source order."""
    found: list[cst.CSTNode] = []
    _push(node, found)
    found.reverse()
    return found


def within(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The node and all below it, in source order."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        _push(here, stack)


_OPENING = frozenset((cst.FunctionDef, cst.ClassDef, cst.Lambda))


def own_nodes(body: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes of a body in source order, without the insides of functions, lambdas and classes defined in it."""
    stack = [body]
    while stack:
        here = stack.pop()
        yield here
        if here is body or type(here) not in _OPENING:
            _push(here, stack)
