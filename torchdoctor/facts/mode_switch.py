"""What depends on a module's mode: places that only training reaches, and values that are others in evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, receiver_name
from torchdoctor.facts.initialisers import constructing
from torchdoctor.facts.origins import calls_of, owner_of_self
from torchdoctor.facts.tree import own_nodes, within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 4
# Methods that frameworks call in training only.
_TRAINING_STEPS = frozenset({"training_step"})


def module_around(file: File, node: cst.CSTNode) -> tuple[ClassFacts, cst.FunctionDef] | None:
    """The module class and its method that a node stands in, through functions nested in the method."""
    method: cst.FunctionDef | None = None
    for above in file.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            method = above
        elif isinstance(above, cst.ClassDef):
            facts = file.classes.of(above)
            return (facts, method) if method is not None and facts.is_module else None
    return None


def mentions_mode(node: cst.CSTNode) -> bool:
    """Whether an expression or body reads some object's `training`."""
    return any(isinstance(inner, cst.Attribute) and inner.attr.value == "training" for inner in within(node))


# -- places ------------------------------------------------------------------------------------------------------------


def runs_in_training_only(file: File, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
    """Whether the mode, or a flag that the caller gives, decides if a place is reached at all."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.If, cst.IfExp, cst.While)) and child is not above.test:
            if _is_switch(file, above.test):
                return True
        elif isinstance(above, cst.BooleanOperation) and child is above.right:
            if _is_switch(file, above.left):
                return True
        elif isinstance(above, (cst.IndentedBlock, cst.Module)) and _left_before(file, above, child):
            return True
        elif isinstance(above, cst.FunctionDef):
            return _called_in_training_only(file, above, depth)
        child = above
    return False


def _is_switch(file: File, test: cst.BaseExpression) -> bool:
    """`self.training`, a variable made of it, or a parameter as it is: what the caller decides is not always on."""
    if mentions_mode(test):
        return True
    while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        test = test.expression
    if isinstance(test, cst.BooleanOperation):
        return _is_switch(file, test.left) or _is_switch(file, test.right)
    if isinstance(test, cst.Name):
        found = file.scopes.find(test.value, test)
        bindings = found[1] if found is not None else []
        return any(b.kind == "parameter" or (b.value is not None and mentions_mode(b.value)) for b in bindings)
    if isinstance(test, cst.Attribute) and (facts := owner_of_self(file, test.value)) is not None:
        return _is_set_later(facts, test.attr.value)
    return isinstance(test, cst.Attribute) and isinstance(test.value, cst.Name)


def _is_set_later(facts: ClassFacts, attribute: str) -> bool:
    """Whether an attribute is written by a method that does not run while the object is made, or by another class."""
    making = constructing(facts)
    return any(write.method not in making for write in facts.lookup(attribute))


def _left_before(file: File, block: cst.IndentedBlock | cst.Module, child: cst.CSTNode) -> bool:
    """Whether `if not self.training: return x` stands in the block before the child."""
    for statement in block.body:
        if statement is child:
            return False
        if isinstance(statement, cst.If) and mentions_mode(statement.test):
            if any(isinstance(node, (cst.Return, cst.Raise)) for node in own_nodes(statement.body)):
                return True
    return False


def _called_in_training_only(file: File, function: cst.FunctionDef, depth: int) -> bool:
    if function.name.value in _TRAINING_STEPS:
        return True
    calls = list(calls_of(file, function))
    return bool(calls) and depth > 0 and all(runs_in_training_only(file, call, depth - 1) for call in calls)


# -- values ------------------------------------------------------------------------------------------------------------


def follows_mode(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> bool | None:
    """Whether a value depends on the mode. False: it is the same in training and evaluation. None: not known.

    A zero counts as depending: it is off in both.
    """
    return _follows(file, node, depth, frozenset())


def _follows(file: File, node: cst.BaseExpression, depth: int, seen: frozenset[cst.CSTNode]) -> bool | None:
    seen |= {node}
    if mentions_mode(node):
        return True
    constant = file.constant(node)
    if isinstance(constant, (int, float)):
        return constant == 0
    if depth == 0:
        return None
    if isinstance(node, cst.Name):
        return _name_follows(file, node, depth, seen)
    if isinstance(node, cst.Attribute):
        return _attribute_follows(file, node, depth, seen)
    if isinstance(node, cst.IfExp):
        if _is_switch(file, node.test):
            return True
        return _together(_follows(file, part, depth - 1, seen) for part in (node.body, node.orelse))
    if isinstance(node, (cst.BinaryOperation, cst.BooleanOperation)):
        return _together(_follows(file, part, depth - 1, seen) for part in (node.left, node.right))
    if isinstance(node, cst.UnaryOperation):
        return _follows(file, node.expression, depth - 1, seen)
    if isinstance(node, cst.Subscript):
        return _follows(file, node.value, depth - 1, seen)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in ("float", "max", "min"):
        return _together(_follows(file, arg.value, depth - 1, seen) for arg in node.args)
    return None


def _together(answers: Iterator[bool | None]) -> bool | None:
    found = list(answers)
    if any(answer is True for answer in found):
        return True
    return None if any(answer is None for answer in found) else False


def _name_follows(file: File, name: cst.Name, depth: int, seen: frozenset[cst.CSTNode]) -> bool | None:
    found = file.scopes.find(name.value, name)
    if found is None:
        return None
    answers: list[bool | None] = []
    for binding in found[1]:
        if binding.kind == "parameter" and isinstance(found[0].node, cst.FunctionDef):
            answers.append(_parameter_follows(file, found[0].node, name.value, depth, seen))
        elif binding.kind == "assign" and binding.value in seen:
            continue  # x = x / 2: what x was before decides
        elif binding.kind == "assign" and binding.value is not None:
            under = runs_in_training_only(file, binding.node, 0)
            answers.append(True if under else _follows(file, binding.value, depth - 1, seen))
        else:
            answers.append(None)
    return _together(iter(answers))


def _parameter_follows(
    file: File, function: cst.FunctionDef, name: str, depth: int, seen: frozenset[cst.CSTNode]
) -> bool | None:
    """What the callers in this file give; the constructor's parameters are settings, the same in both modes."""
    params = [*function.params.posonly_params, *function.params.params]
    names = [param.name.value for param in params]
    if function.name.value == "__init__":
        return False
    place = names.index(name) if name in names else None
    if place is not None and isinstance(file.parent(file.parent(function) or function), cst.ClassDef):
        place = place - 1 if receiver_name(function) is not None else place
    answers: list[bool | None] = []
    for call in calls_of(file, function):
        given = file.argument(call, place, name)
        if given is not None:
            answers.append(_follows(file, given, depth - 1, seen))
    return _together(iter(answers)) if answers else None


def _attribute_follows(file: File, node: cst.Attribute, depth: int, seen: frozenset[cst.CSTNode]) -> bool | None:
    """A setting that the constructor keeps is the same in both modes; a property is what its body says."""
    facts = owner_of_self(file, node.value)
    if facts is None:
        root: cst.CSTNode = node
        while isinstance(root, cst.Attribute):
            root = root.value
        return False if isinstance(root, cst.Name) else None
    method = facts.method(node.attr.value)
    if method is not None:
        return True if mentions_mode(method[1].body) else None
    if _is_set_later(facts, node.attr.value):
        return None
    answers: list[bool | None] = []
    for owner in facts.ancestry:
        for write in owner.attributes.get(node.attr.value, ()):
            if write.value is not None:
                answer = _follows(owner.file, write.value, depth - 1, seen)
                answers.append(answer if answer is True else False)
        value = owner.class_body.get(node.attr.value)
        if value is not None:
            answers.append(_follows(owner.file, value, depth - 1, seen))
    return _together(iter(answers)) if answers else None
