"""libcst's nodes, made cheap for who reads trees and never changes them.

A third of what `libcst.parse_module` takes is the locks of its nodes: each is a frozen dataclass, whose constructor
writes every field past its own lock and then asks whether the fields agree. Nobody here writes to a node.
"""

from __future__ import annotations

import dataclasses
from abc import ABCMeta
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import libcst as cst

from torchdoctor.facts.importing import import_quickly

# Nodes that need not be asked whether their fields agree: frequent ones, which the parser cannot put together wrongly
# (as it can others: `b"a" "b"`).
_SURE = (
    cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.EmptyLine, cst.Newline, cst.Comment, cst.Comma,
    cst.Dot, cst.Colon, cst.AssignEqual, cst.BaseBinaryOp, cst.LeftParen, cst.RightParen, cst.LeftSquareBracket,
    cst.RightSquareBracket, cst.Name, cst.Integer, cst.Float, cst.SimpleString, cst.Attribute, cst.Call, cst.Arg,
    cst.Element, cst.Index, cst.SubscriptElement, cst.Subscript, cst.BinaryOperation, cst.Assign, cst.AssignTarget,
    cst.Expr, cst.SimpleStatementLine,
)  # fmt: skip


class _Plain(ABCMeta):
    """For classes that nobody registers others with: what is one of theirs is found out in C."""

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


class _Shared(_Plain):
    """For classes whose equal instances may be one: half of all nodes are stretches of white space, mostly none."""

    __call__ = lru_cache(4096)(type.__call__)


def tell_apart_natively() -> None:
    """Nodes are told apart by identity. libcst says so in Python; object says the same in C, and all that is known of a
    file is kept in dictionaries of nodes."""
    for kind in _kinds(cst.CSTNode):
        for name in ("__hash__", "__eq__"):
            if getattr(kind, name) is getattr(cst.CSTNode, name):
                setattr(kind, name, getattr(object, name))


@cache
def build_quickly() -> None:
    """Let nodes be built without locks and questions, blanks be shared, and classes be asked for in C, for good, and
    the parser find what is imported already.

    Only for a process of our own: in another's, libcst's nodes stay as its users know them.
    """
    kinds: list[Any] = [cst.CSTNode, *_kinds(cst.CSTNode)]
    for kind in kinds:
        kind.__class__ = _Shared if kind in (cst.SimpleWhitespace, cst.Newline) else _Plain
        for name in ("__setattr__", "__delattr__"):
            if name in vars(kind):
                delattr(kind, name)
    for kind in kinds:
        if "__init__" in vars(kind):
            kind.__init__ = _constructor(kind)
    import_quickly()


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def _constructor(kind: type[Any]) -> Any:
    """`__init__` as the dataclass has it, with plain assignments."""
    known: dict[str, Any] = {"_MISSING": dataclasses.MISSING}
    parameters, lines = ["self"], ["pass"]
    for field in dataclasses.fields(kind):
        name = field.name
        value = name
        if field.default is not dataclasses.MISSING:
            known[f"_{name}"] = field.default
            parameters.append(f"{name}=_{name}")
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_{name}"] = field.default_factory
            parameters.append(f"{name}=_MISSING")
            value = f"_{name}() if {name} is _MISSING else {name}"
        else:
            parameters.append(name)
        lines.append(f"self.{name} = {value}")
    if not issubclass(kind, _SURE) and kind._validate is not cst.CSTNode._validate:
        lines.append("self._validate()")
    exec("\n    ".join([f"def __init__({', '.join(parameters)}):", *lines]), known)
    return known["__init__"]
