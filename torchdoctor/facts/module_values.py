"""Which expressions hold a module: made here, taken out of a container of modules, annotated, or used as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.collections import items
from torchdoctor.facts.kind import annotated_class
from torchdoctor.facts.layers import is_module, made_modules
from torchdoctor.facts.origins import origins

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 4
_CONTAINERS = frozenset({"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"})
_PASSING = frozenset({"builtins.list", "builtins.reversed", "builtins.tuple", "builtins.iter", "tqdm.tqdm"})
# What iterating over these methods of a module gives: modules, or pairs of name and module.
_GIVES_MODULES = {"children": 0, "modules": 0, "values": 0, "items": 1, "named_children": 1, "named_modules": 1}
_KINDS = ("module", "criterion", "lightning")


def holds_module(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> bool:
    """Whether the value of an expression is surely an nn.Module."""
    if is_module(file, node):
        return True
    if isinstance(node, cst.Subscript) and isinstance(node.slice[0].slice, cst.Index):
        return _holds_modules(file, node.value)
    if isinstance(node, cst.Name):
        found = file.scopes.find(node.value, node)
        bindings = found[1] if found is not None else []
        loops = [b.node for b in bindings if b.kind == "loop"] if depth else []
        if len(loops) == len(bindings) and all(_loop_gives_module(file, b, node.value, depth - 1) for b in loops):
            return bool(loops)
    where = file.function(node) or file.module
    return any(flow.kind(flow.value(node)) in _KINDS for flow in file.flows.of(where) if node in flow.values)


def has_own_call(file: File, receiver: cst.BaseExpression) -> bool:
    """Whether a class of the project says itself what calling its instances does, or another part of it may: a base
    that is not known, or the class with the forward where this one has none.

    The classes are those that the receiver is made of or annotated with, and that of the code around: kernels are
    made of kernels.
    """
    around = file.classes.enclosing(receiver)
    if around is not None and around.method("__call__") is not None:
        return True
    for made in made_modules(file, receiver):
        name = made.file.name(made.node.func) if isinstance(made.node, cst.Call) else None
        facts = made.file.classes.named(name) if name is not None else None
        if facts is not None and facts.method("__call__") is not None:
            return True
    where = file.function(receiver) or file.module
    for flow in file.flows.of(where):
        name = annotated_class(flow.value(receiver), file.flows)
        facts = file.classes.named(name) if name is not None else None
        if facts is None:
            continue
        if facts.method("__call__") is not None or facts.method("forward") is None or not facts.complete:
            return True
    return False


def _holds_modules(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression is a container with nothing but modules in it, of torch.nn or of Python's own."""
    if isinstance(node, cst.Subscript) and isinstance(node.slice[0].slice, cst.Slice):
        node = node.value
    for origin in origins(file, node):
        held = items(origin.file, origin.node)
        if held is not None:
            if not held or not all(made_modules(origin.file, item) for item in held):
                return False
        elif not _is_container(origin.file, origin.node):
            return False
    return True


def _is_container(file: File, node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and file.name(node.func) in _CONTAINERS


def _loop_gives_module(file: File, loop: cst.CSTNode, name: str, depth: int) -> bool:
    """Whether `for name in ...` gives modules, also from enumerate, zip, `.items()` and the methods of a module."""
    if not isinstance(loop, (cst.For, cst.CompFor)):
        return False
    targets = _parts(loop.target)
    iterable: cst.BaseExpression = loop.iter
    if isinstance(iterable, cst.Call):
        called = file.name(iterable.func)
        if called == "builtins.enumerate" and iterable.args and len(targets) == 2:
            targets, iterable = _parts(targets[1]), iterable.args[0].value
        elif called == "builtins.zip":
            places = [place for place, target in enumerate(targets) if _is_name(target, name)]
            if len(places) != 1 or places[0] >= len(iterable.args):
                return False
            targets, iterable = [targets[places[0]]], iterable.args[places[0]].value
        elif called in _PASSING and iterable.args:
            iterable = iterable.args[0].value
    if isinstance(iterable, cst.Call) and isinstance(iterable.func, cst.Attribute):
        place = _GIVES_MODULES.get(iterable.func.attr.value)
        owner = iterable.func.value
        if place is not None and (_holds_modules(file, owner) or holds_module(file, owner, depth)):
            return len(targets) > place and _is_name(targets[place], name)
    return len(targets) == 1 and _is_name(targets[0], name) and _holds_modules(file, iterable)


def _parts(target: cst.BaseExpression) -> list[cst.BaseExpression]:
    return [e.value for e in target.elements] if isinstance(target, (cst.Tuple, cst.List)) else [target]


def _is_name(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name
