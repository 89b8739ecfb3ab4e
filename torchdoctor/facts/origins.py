"""Where an expression's value comes from: the expressions that make it, through names, attributes and own functions.

Only names and classes are needed, no run of the code. All ways that a value can come are followed, in whatever order
they are written; a rule that must be sure asks that *every* origin is what it looks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, receiver_name
from torchdoctor.facts.defined import defined
from torchdoctor.facts.reach import owner_of
from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.scopes import Binding
from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 6
_MOST = 24


@dataclass(frozen=True, slots=True)
class Origin:
    """An expression that makes a value, and the file that it stands in."""

    file: File
    node: cst.BaseExpression


def origins(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> list[Origin]:
    """The expressions that may have made the value of ``node``.

    What cannot be followed (a parameter, a loop's variable, a call of a library) is an origin itself.
    """
    found: dict[cst.CSTNode, Origin] = {}
    for origin in _origins(file, node, depth, set()):
        found.setdefault(origin.node, origin)
        if len(found) > _MOST:
            return [Origin(file, node)]
    return list(found.values())


def _origins(file: File, node: cst.BaseExpression, depth: int, seen: set[cst.CSTNode]) -> Iterator[Origin]:
    if depth == 0 or node in seen:
        yield Origin(file, node)
        return
    seen = seen | {node}
    steps = list(_steps(file, node))
    if not steps:
        yield Origin(file, node)
    for owner, step in steps:
        yield from _origins(owner, step, depth - 1, seen)


def _steps(file: File, node: cst.BaseExpression) -> Iterator[tuple[File, cst.BaseExpression]]:
    """The expressions whose value ``node`` has; none where it is made here, or where it comes from is not known."""
    if type(node) is cst.IfExp:
        yield from ((file, node.body), (file, node.orelse))
    elif type(node) is cst.BooleanOperation:
        yield from ((file, node.left), (file, node.right))
    elif type(node) is cst.NamedExpr:
        yield file, node.value
    elif type(node) is cst.Name:
        values = assigned(file, node)
        yield from ((file, value) for value in values)
        if not values:
            yield from given(file, node)
    elif type(node) is cst.Attribute:
        yield from attribute_values(file, node)
    elif type(node) is cst.Call:
        function = called_function(file, node)
        if function is not None:
            yield from returned(*function)


def assigned(file: File, name: cst.Name) -> list[cst.BaseExpression]:
    """All values that a variable is given; none where one of them is not seen (a parameter, an unpacked value)."""
    found = file.scopes.find(name.value, name)
    if found is None:
        return []
    bindings = [b for b in found[1] if b.kind not in ("augment", "delete")]
    values = [value for b in bindings if (value := _given_to(file, b)) is not None]
    return values if len(values) == len(bindings) else []


def _given_to(file: File, binding: Binding) -> cst.BaseExpression | None:
    """What one assignment gives a name, also as one of several: `a, b = [], {}`."""
    if binding.kind != "assign" or binding.value is not None:
        return binding.value if binding.kind == "assign" else None
    assign = file.parent(binding.node)
    if not (type(binding.node) is cst.AssignTarget and type(assign) is cst.Assign):
        return None
    targets, values = binding.node.target, assign.value
    if isinstance(targets, (cst.Tuple, cst.List)) and isinstance(values, (cst.Tuple, cst.List)):
        if len(targets.elements) == len(values.elements):
            for target, value in zip(targets.elements, values.elements, strict=True):
                if type(target.value) is cst.Name and target.value.value == binding.name:
                    return value.value
    return None


def given(file: File, name: cst.Name) -> list[tuple[File, cst.BaseExpression]]:
    """What the callers in the file give for a parameter; none where it is none, nobody calls, or one gives nothing."""
    found = file.scopes.find(name.value, name)
    if found is None or len(found[1]) != 1 or found[1][0].kind != "parameter":
        return []
    function = found[0].node
    if type(function) is not cst.FunctionDef:
        return []
    params = [param.name.value for param in (*function.params.posonly_params, *function.params.params)]
    place = params.index(name.value) if name.value in params else None
    facts, receiver = _method(file, function)
    if place is not None and facts is not None and receiver is not None:
        place -= 1
    values = [file.argument(call, place, name.value) for call in calls_of(file, function)]
    return [(file, value) for value in values if value is not None] if all(values) else []


def calls_of(file: File, function: cst.FunctionDef) -> Iterator[cst.Call]:
    """The calls in the file that run a function: by its name, as a method of self, or by making its class."""
    yield from file.calls(file.names.own(function))
    klass = owner_of(file, function)
    if klass is not None and function.name.value == "__init__":
        yield from file.calls(file.names.own(klass))
    elif klass is not None:
        for call in file.calls_by_method.get(function.name.value, ()):
            found = called_function(file, call)
            if found is not None and found[1] is function:
                yield call


def attribute_values(file: File, node: cst.Attribute) -> list[tuple[File, cst.BaseExpression]]:
    """All values of `self.x`, in this class and its bases; none where one of them is not seen."""
    facts = owner_of_self(file, node.value)
    if facts is None:
        return []
    found: list[tuple[File, cst.BaseExpression]] = []
    for owner in facts.ancestry:
        for write in owner.attributes.get(node.attr.value, ()):
            if write.value is None:
                return []
            found.append((owner.file, write.value))
        value = owner.class_body.get(node.attr.value)
        if value is not None:
            found.append((owner.file, value))
    return found


def owner_of_self(file: File, node: cst.CSTNode) -> ClassFacts | None:
    """The class whose instance a name is: that of the method whose first parameter it is."""
    if type(node) is not cst.Name:
        return None
    for above in file.ancestors(node):
        if type(above) is cst.FunctionDef:
            facts, receiver = _method(file, above)
            if facts is not None:
                return facts if receiver == node.value else None
    return None


def _method(file: File, function: cst.FunctionDef) -> tuple[ClassFacts | None, str | None]:
    """The class that a function is a method of, and what it calls the instance; each None where there is none."""
    known: dict[cst.FunctionDef, tuple[ClassFacts | None, str | None]] = remembered(file, "methods")
    found = known.get(function)
    if found is None:
        klass = owner_of(file, function)
        facts = file.classes.of(klass) if klass is not None else None
        found = known[function] = facts, receiver_name(function)
    return found


def called_function(file: File, call: cst.Call) -> tuple[File, cst.FunctionDef] | None:
    """The project's function that a call runs, by its name or as a method of self; none that is decorated."""
    found: tuple[File, cst.CSTNode] | None = None
    if type(call.func) is cst.Attribute and (facts := owner_of_self(file, call.func.value)) is not None:
        method = facts.method(call.func.attr.value)
        found = (method[0].file, method[1]) if method is not None else None
    elif (name := file.name(call.func)) is not None:
        found = defined(file, name)
    if found is None or not isinstance(found[1], cst.FunctionDef):
        return None
    plain = all(
        type(d.decorator) is cst.Name and d.decorator.value in ("staticmethod", "classmethod")
        for d in found[1].decorators
    )
    return (found[0], found[1]) if plain and found[1].asynchronous is None else None


def returned(file: File, function: cst.FunctionDef) -> list[tuple[File, cst.BaseExpression]]:
    """The values that a function returns; none for a generator or where it returns nothing."""
    found: list[tuple[File, cst.BaseExpression]] = []
    for node in own_nodes(function.body):
        if type(node) is cst.Yield:
            return []
        if type(node) is cst.Return and node.value is not None:
            found.append((file, node.value))
    return found
