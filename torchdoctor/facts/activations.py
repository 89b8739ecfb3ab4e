"""Softmax and sigmoid as they stand in the source: what they are applied to, and how the code reads without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.tree import within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_FUNCTIONS = frozenset({
    "torch.softmax", "torch.nn.functional.softmax", "torch.special.softmax",
    "torch.sigmoid", "torch.nn.functional.sigmoid", "torch.special.expit",
})  # fmt: skip
_METHODS = frozenset({"softmax", "sigmoid"})
_LAYERS = frozenset({"torch.nn.Softmax", "torch.nn.Softmax2d", "torch.nn.Sigmoid"})
# Methods of a tensor that put it into [0, 1] without being a sigmoid.
_BOUNDS = frozenset({"clamp", "clip", "clamp_", "clip_"})

Replacement = tuple[cst.CSTNode, str]


def is_bound(node: cst.CSTNode) -> bool:
    """Whether a call only limits its input to a range."""
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _BOUNDS


def applied_to(file: File, node: cst.CSTNode) -> cst.BaseExpression | None:
    """What an activation is applied to: x in `F.softmax(x, 1)`, `x.sigmoid()`, `nn.Softmax(1)(x)`, `self.act(x)`."""
    if not isinstance(node, cst.Call) or file.has_star(node):
        return None
    func = node.func
    if file.name(func) in _FUNCTIONS:
        return file.argument(node, 0, "input")
    layer = isinstance(func, cst.Call) and file.name(func.func) in _LAYERS
    if layer or _is_layer_of_self(file, func):
        return file.argument(node, 0, "input")
    if isinstance(func, cst.Attribute) and func.attr.value in _METHODS and file.name(func) is None:
        return func.value
    return None


def _is_layer_of_self(file: File, func: cst.BaseExpression) -> bool:
    """Whether `self.act` is a softmax or sigmoid by every assignment in its class."""
    if not (isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name)):
        return False
    facts = file.classes.enclosing(func)
    writes = facts.lookup(func.attr.value) if facts is not None else []
    return bool(writes) and all(
        isinstance(write.value, cst.Call) and facts is not None and facts.file.name(write.value.func) in _LAYERS
        for write in writes
    )


def without(file: File, argument: cst.BaseExpression, activation: cst.CSTNode) -> Replacement | None:
    """How to give a call the activation's input: what to replace, and by which text; None where that is not plain.

    ``argument`` is what the call is given now, ``activation`` the call that it comes from.
    """
    inner = applied_to(file, activation)
    if inner is None or any(isinstance(part, cst.Comment) for part in within(activation)):
        return None
    if argument is activation or (_is_value_of(file, argument, activation) and _reads(file, argument) == 1):
        return activation, file.code(inner)
    if _is_value_of(file, argument, activation) and isinstance(inner, cst.Name) and _is_bound_once(file, inner):
        return argument, inner.value
    return None


def logarithmic(file: File, argument: cst.BaseExpression, activation: cst.CSTNode) -> Replacement | None:
    """How to turn a softmax that only this argument reads into a log_softmax; None where that is not plain."""
    if applied_to(file, activation) is None or not isinstance(activation, cst.Call):
        return None
    if argument is not activation and not (_is_value_of(file, argument, activation) and _reads(file, argument) == 1):
        return None
    func = activation.func
    if isinstance(func, cst.Attribute) and func.attr.value == "softmax" and not _is_layer_of_self(file, func):
        return func.attr, "log_softmax"
    if isinstance(func, cst.Call) and isinstance(func.func, cst.Attribute) and func.func.attr.value == "Softmax":
        return func.func.attr, "LogSoftmax"
    return None


def _is_value_of(file: File, argument: cst.BaseExpression, activation: cst.CSTNode) -> bool:
    """Whether a name is bound once, to this call."""
    if not isinstance(argument, cst.Name) or not _is_bound_once(file, argument):
        return False
    found = file.scopes.find(argument.value, argument)
    return found is not None and found[1][0].value is activation


def _is_bound_once(file: File, name: cst.Name) -> bool:
    found = file.scopes.find(name.value, name)
    return found is not None and len(found[1]) == 1 and found[0] is file.scopes.of(name)


def _reads(file: File, name: cst.BaseExpression) -> int:
    """How often the variable is read in its scope."""
    assert isinstance(name, cst.Name)
    scope = file.scopes.of(name)
    count = 0
    for node in within(scope.node):
        if isinstance(node, cst.Name) and node.value == name.value and _is_read(file, node):
            count += 1
    return count


def _is_read(file: File, name: cst.Name) -> bool:
    above = file.parent(name)
    if isinstance(above, cst.Attribute):
        return above.value is name
    if isinstance(above, (cst.Arg, cst.Param)):
        return not (above.keyword is name if isinstance(above, cst.Arg) else above.name is name)
    return not isinstance(above, cst.AssignTarget)
