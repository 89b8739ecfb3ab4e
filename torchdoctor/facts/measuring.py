"""Measuring a model: calls without gradients over the items of a loop, whose results are counted, compared or kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.evaluation import ENDS, share_turn
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


def measures(flow: Flow, forward: Event) -> bool:
    """Whether the call runs a model over the items of a loop to measure it, and nothing is learnt in that loop."""
    loop = forward.loops[-1] if forward.loops else None
    if not isinstance(loop, (cst.For, cst.CompFor)):
        return False
    if any(share_turn(loop, forward, event) for event in flow.of(*_LEARNS)):
        return False
    body = list(within(loop.body if isinstance(loop, cst.For) else forward.file.parent(loop) or loop))
    inside = set(body)
    call = next((node for node in (*forward.via, forward.node) if node in inside), None)
    if not isinstance(call, cst.Call):
        return False
    fed = _spread(body, {node.value for node in within(loop.target) if isinstance(node, cst.Name)})
    if not any(_reads(arg.value, fed) for arg in call.args):
        return False
    results = _spread(body, set(), call)
    return isinstance(loop, cst.CompFor) or any(_collects(node, call, results) for node in body)


def _spread(body: list[cst.CSTNode], names: set[str], call: cst.CSTNode | None = None) -> set[str]:
    """The names that hold something computed from these names, or from the call."""
    for _ in range(3):
        for node in body:
            targets: list[cst.BaseAssignTargetExpression] = []
            if isinstance(node, cst.Assign) and _reads(node.value, names, call):
                targets = [target.target for target in node.targets]
            elif isinstance(node, cst.For) and _reads(node.iter, names, call):
                targets = [node.target]
            names = names | {n.value for target in targets for n in within(target) if isinstance(n, cst.Name)}
    return names


def _reads(node: cst.CSTNode, names: set[str], call: cst.CSTNode | None = None) -> bool:
    return any(inner is call or (isinstance(inner, cst.Name) and inner.value in names) for inner in within(node))


def _collects(node: cst.CSTNode, call: cst.Call, names: set[str]) -> bool:
    """Whether a result is counted, compared, or kept for after the loop."""
    if isinstance(node, cst.AugAssign):
        return _reads(node.value, names, call)
    if isinstance(node, cst.Attribute):
        return node.attr.value in ENDS and _reads(node.value, names, call)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        keeps = node.func.attr.value in ("append", "extend", "update", "add", "write", "log")
        return keeps and any(_reads(arg.value, names, call) for arg in node.args)
    if isinstance(node, cst.Assign):
        return any(isinstance(t.target, cst.Subscript) for t in node.targets) and _reads(node.value, names, call)
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
