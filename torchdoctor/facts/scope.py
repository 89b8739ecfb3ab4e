"""One scope, and one place that gives a name of it a value."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that gives a name a value.

    ``kind`` is one of import, parameter, assign, augment, loop, with, except, function, class, delete, match.
    ``node`` is what binds (ImportAlias, Param, AssignTarget, For, WithItem, FunctionDef ...); ``value`` is the
    expression assigned where the whole value goes to the name (None when unpacked or otherwise not known).
    """

    name: str
    kind: str
    node: cst.CSTNode
    value: cst.BaseExpression | None = None


@dataclass(slots=True, eq=False)
class Scope:
    """What one module, function, class, lambda or comprehension binds; the bindings of a name in source order."""

    node: cst.CSTNode
    outer: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
