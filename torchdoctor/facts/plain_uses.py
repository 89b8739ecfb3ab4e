"""Where a module's forward puts a plain attribute together with what it is given, and nothing moves the attribute."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.file import File
from torchdoctor.facts.initialisers import constructing
from torchdoctor.facts.plain_tensors import is_function
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.tree import within
from torchdoctor.torch_exports import EXPORTS

_DEPTH = 6
_MOVED = object()
# What a plain attribute is asked for where its class moves it itself, or takes numbers out of it.
_CARED_FOR = frozenset({
    "to", "cuda", "cpu", "type_as", "device", "item", "tolist", "numpy", "new_tensor", "data_ptr", "is_cuda",
})  # fmt: skip
_NUMBERS = frozenset({"shape", "ndim", "dtype", "device", "size", "dim", "numel"})
_STILL_IT = frozenset({
    "view", "reshape", "unsqueeze", "expand", "repeat", "transpose", "t", "permute", "clone", "float", "half", "double",
    "long", "bool", "detach", "squeeze", "contiguous", "flatten", "expand_as", "view_as", "abs", "exp", "log", "sqrt",
})  # fmt: skip


def met(facts: ClassFacts, name: str) -> cst.CSTNode | None:
    """Where forward computes with a plain attribute and what it is given; None also where the class moves it."""
    found = None
    for owner in (facts, *facts.subclasses):
        making = constructing(owner)
        for method in owner.methods.values():
            for node in owner.file.below(method.body, cst.Attribute):
                if node.attr.value != name or not _is_self(node.value):
                    continue
                used = _use(owner.file, node)
                if used is _MOVED:
                    return None
                if isinstance(used, cst.CSTNode) and method not in making and found is None and _runs(owner, method):
                    found = used
    return found


def is_replaced(facts: ClassFacts, name: str) -> bool:
    """Whether the file writes an attribute of that name on anything but self, or has it moved with others by name."""
    for node in facts.file.nodes(cst.AssignTarget):
        target = node.target
        if isinstance(target, cst.Attribute) and target.attr.value == name and not _is_self(target.value):
            return True
    return "getattr" in facts.file.mentions and any(
        facts.file.constant(text) == name for text in facts.file.nodes(cst.SimpleString)
    )


def _runs(facts: ClassFacts, method: cst.FunctionDef) -> bool:
    """Whether a method is `forward`, or is called on self."""
    if method.name.value in ("forward", "__call__", "training_step"):
        return True
    calls = facts.file.calls_by_method.get(method.name.value, ())
    return any(isinstance(c.func, cst.Attribute) and _is_self(c.func.value) for c in calls)


def _is_self(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "self"


def _use(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> object:
    """The operation on it and on something given; _MOVED where it is moved or read as numbers; None for another use."""
    below: cst.CSTNode = node
    above = file.parent(node)
    while above is not None and depth:
        if isinstance(above, cst.Attribute) and above.value is below:
            if above.attr.value in _CARED_FOR:
                return _MOVED
            call = file.parent(above)
            if above.attr.value not in _STILL_IT or not isinstance(call, cst.Call):
                return None
            below, above = call, file.parent(call)
        elif isinstance(above, cst.Subscript) and above.value is below:
            below, above = above, file.parent(above)
        elif isinstance(above, cst.BinaryOperation):
            other = above.right if above.left is below else above.left
            if _is_given(file, other):
                return above
            below, above = above, file.parent(above)
        elif isinstance(above, (cst.Comparison, cst.ComparisonTarget, cst.UnaryOperation)):
            below, above = above, file.parent(above)
        elif isinstance(above, cst.Arg):
            return _argument(file, above, file.parent(above))
        elif isinstance(above, cst.Assign) and above.value is below:
            return _variable(file, above, depth)
        else:
            return None
    return None


def _variable(file: File, assign: cst.Assign, depth: int) -> object:
    target = assign.targets[0].target
    if isinstance(target, cst.Attribute):
        return _MOVED  # kept under another name: not followed
    found = file.scopes.find(target.value, assign) if isinstance(target, cst.Name) else None
    if found is None or len(found[1]) != 1:
        return _MOVED
    names = [one for one in file.mentions.get(found[1][0].name, ()) if one is not target]
    uses = [_use(file, one, depth - 1) for one in names if (file.scopes.find(one.value, one) or (None,))[0] is found[0]]
    return _MOVED if _MOVED in uses else next((use for use in uses if use is not None), None)


def _argument(file: File, arg: cst.Arg, call: cst.CSTNode | None) -> object:
    """An operation of torch, a method of something given, or a layer, that is given the attribute with other things."""
    if not isinstance(call, cst.Call):
        return None
    name = file.name(call.func)
    if name is not None:
        if is_function(name):
            others = [one.value for one in call.args if one is not arg]
            return call if any(_is_given(file, one) for one in others) else None
        return None if name.startswith("builtins.") else _MOVED
    if isinstance(call.func, cst.Attribute) and _is_method(call.func.attr.value):
        return call if _is_given(file, call.func.value) else None
    return _MOVED if isinstance(call.func, (cst.Name, cst.Attribute)) and not _is_layer(file, call) else None


def _is_method(name: str) -> bool:
    """Whether tensors have a method of that name: most functions of torch are methods too."""
    return name in table().methods or name.removesuffix("_") in EXPORTS["torch"]


def _is_layer(file: File, call: cst.Call) -> bool:
    return isinstance(call.func, cst.Attribute) and _is_self(call.func.value)


def _is_given(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression holds something that the method was given, or made of it: not numbers, not the object."""
    for part in within(node):
        if isinstance(part, cst.Name) and _is_tensor_like(file, part):
            above = file.parent(part)
            if not (isinstance(above, cst.Attribute) and above.attr.value in _NUMBERS):
                return True
    return False


def _is_tensor_like(file: File, name: cst.Name) -> bool:
    found = file.scopes.find(name.value, name) if name.value != "self" else None
    if found is None or not isinstance(found[0].node, cst.FunctionDef):
        return False
    return any(isinstance(binding.node, (cst.Param, cst.AssignTarget)) for binding in found[1])
