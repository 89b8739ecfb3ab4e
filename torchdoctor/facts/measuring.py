"""Measuring a model: calls without gradients over the items of a loop, whose results are counted, compared or kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.evaluation import ENDS, share_turn
from torchdoctor.facts.names import dotted
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Attr, Param

if TYPE_CHECKING:
    from torchdoctor.facts.events import Event
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_LEARNS = ("backward", "step", "scaler_step", "autograd_grad")


def all_contexts(file: File, found: frozenset[str]) -> Iterator[Flow]:
    """The flows of the functions that the words lead to; for those that only other files call, as these call them."""
    for flow in file.flows.touching(found):
        yield flow
        if not flow.known_callers and any(
            isinstance(event.on, (Param, Attr)) and event.grad.enabled is False and event.loops and not event.via
            for event in flow.of("forward", "call")
        ):
            yield from flow.elsewhere or ()


def may_measure(file: File, found: frozenset[str]) -> bool:
    """Whether a loop that may run without gradients gives its items away and collects what comes back: cheap to ask."""
    if any("optimizer" in facts.kinds for facts in file.classes) and not file.classes.modules:
        return False  # an optimizer's file: its steps go over parameters
    off = {function for word in found for name in file.mentions.get(word, ()) for function in _around(file, name)}
    loops: list[cst.For | cst.CompFor] = [*file.nodes(cst.For), *file.nodes(cst.CompFor)]
    return any(_runs_in(file, loop, off) and _measured_in(file, loop, None) for loop in loops)


def _around(file: File, node: cst.CSTNode) -> set[cst.CSTNode]:
    """The functions that a node stands in, headers too; the module where it is in none."""
    return {above for above in file.ancestors(node) if type(above) is cst.FunctionDef} or {file.module}


def _runs_in(file: File, loop: cst.CSTNode, off: set[cst.CSTNode]) -> bool:
    """Whether the loop stands in one of these functions, in one that they name, or in one that names them."""
    own = _around(file, loop)
    return not own.isdisjoint(off) or _name_one_of(file, own, off) or _name_one_of(file, off, own)


def _name_one_of(file: File, functions: set[cst.CSTNode], others: set[cst.CSTNode]) -> bool:
    """Whether the name of one of the functions stands in one of the others."""
    names = (
        name
        for function in functions
        if type(function) is cst.FunctionDef
        for name in file.mentions.get(function.name.value, ())
        if name is not function.name
    )
    return any(not _around(file, name).isdisjoint(others) for name in names)


def _may_be_model(file: File, call: cst.Call, depth: int = 2) -> bool:
    """A variable, an attribute of something, a function of the project that calls such: not a library's function."""
    name = file.name(call.func)
    if name is None:
        return not (type(call.func) is cst.Attribute and call.func.attr.value.endswith("_"))
    other, function = (defined(file, name) if depth else None) or (file, None)
    if type(function) is not cst.FunctionDef:
        return False
    inner = (node for node in within(function.body) if type(node) is cst.Call)
    return any(_is_plain(node.func) and _may_be_model(other, node, depth - 1) for node in inner)


def _is_plain(callee: cst.BaseExpression) -> bool:
    """`model(...)` or `self.model(...)`."""
    return type(callee) is cst.Name or (dotted(callee) or "").startswith("self.")


def is_own_layer(file: File, call: cst.Call) -> bool:
    """Whether a module calls a part of itself: the mode is that of whoever holds the module.

    A class that has a forward, and bases of which not all are known, counts as one.
    """
    facts = file.classes.enclosing(call)
    if facts is None or type(call.func) is cst.Name:
        return False
    return facts.is_module or (facts.method("forward") is not None and not facts.complete)


def measures(flow: Flow, forward: Event) -> bool:
    """Whether the call runs a model over the items of a loop to measure it, and nothing is learnt in that loop."""
    loop = forward.loops[-1] if forward.loops else None
    if not isinstance(loop, (cst.For, cst.CompFor)):
        return False
    if any(share_turn(loop, forward, event) for event in flow.of(*_LEARNS)):
        return False
    inside = set(_body(forward.file, loop))
    call = next((node for node in (*forward.via, forward.node) if node in inside), None)
    return type(call) is cst.Call and _measured_in(forward.file, loop, call)


def _body(file: File, loop: cst.For | cst.CompFor) -> list[cst.CSTNode]:
    return list(within(loop.body if type(loop) is cst.For else file.parent(loop) or loop))


def _measured_in(file: File, loop: cst.For | cst.CompFor, call: cst.Call | None) -> bool:
    """Whether the call (or else any that may be a model's) is given what the loop goes over, and what it gives is
    counted, compared or kept."""
    body = _body(file, loop)
    calls = [node for node in body if type(node) is cst.Call and _may_be_model(file, node)] if call is None else [call]
    if not calls:
        return False
    fed = _spread(body, {node.value for node in within(loop.target) if type(node) is cst.Name})
    for given in calls:
        if any(_reads(arg.value, fed) for arg in given.args) and not _is_method_of(given, fed):
            results = _spread(body, set(), given)
            if type(loop) is cst.CompFor or any(_collects(node, given, results) for node in body):
                return True
    return False


def _is_method_of(call: cst.Call, names: set[str]) -> bool:
    return type(call.func) is cst.Attribute and _reads(call.func.value, names)


def _spread(body: list[cst.CSTNode], names: set[str], call: cst.CSTNode | None = None) -> set[str]:
    """The names that hold something computed from these names, or from the call."""
    for _ in range(3):
        before = len(names)
        for node in body:
            targets: list[cst.BaseAssignTargetExpression] = []
            if type(node) is cst.Assign and _reads(node.value, names, call):
                targets = [target.target for target in node.targets]
            elif type(node) is cst.For and _reads(node.iter, names, call):
                targets = [node.target]
            names = names | {n.value for target in targets for n in within(target) if type(n) is cst.Name}
        if len(names) == before:
            break
    return names


def _reads(node: cst.CSTNode, names: set[str], call: cst.CSTNode | None = None) -> bool:
    return any(inner is call or (type(inner) is cst.Name and inner.value in names) for inner in within(node))


def _collects(node: cst.CSTNode, call: cst.Call, names: set[str]) -> bool:
    """Whether a result is counted, compared, or kept for after the loop."""
    if type(node) is cst.AugAssign:
        return _reads(node.value, names, call)
    if type(node) is cst.Attribute:
        return node.attr.value in ENDS and _reads(node.value, names, call)
    if type(node) is cst.Call and type(node.func) is cst.Attribute:
        keeps = node.func.attr.value in ("append", "extend", "update", "add", "write", "log")
        return keeps and any(_reads(arg.value, names, call) for arg in node.args)
    if type(node) is cst.Assign:
        return any(type(t.target) is cst.Subscript for t in node.targets) and _reads(node.value, names, call)
    return isinstance(node, (cst.Comparison, cst.Yield)) and _reads(node, names, call)


def left_in_training(flow: Flow, forward: Event) -> bool:
    """Whether the model is in train mode because it was made so, or because it was trained before: not by wish."""
    for mode in forward.modes:
        if mode.training and mode.because is not None and not _of_another_phase(flow, forward, mode.because):
            return False
    return True


def _of_another_phase(flow: Flow, forward: Event, setting: cst.CSTNode) -> bool:
    """Whether train() was called for something else than this forward: in another function, or to learn in between."""
    file = forward.file
    if setting not in file.tree.order or file.function(setting) is not file.function(forward.node):
        return True
    settings = [event.index for event in flow.of("train") if event.node is setting]
    return any(index < event.index < forward.index for index in settings for event in flow.of("backward"))
