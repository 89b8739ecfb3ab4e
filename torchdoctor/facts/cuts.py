"""Where a value was cut from the graph, as far as a run tells: looked for from the call of backward backwards."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.gradients import receiver
from torchdoctor.facts.origins import assigned, own_nodes
from torchdoctor.facts.outcome import is_computed
from torchdoctor.facts.values import Const, Element, Item, Made, Named, Param, Result, Size, Tensor, Value

_DEPTH = 5


def cut_before(flow: Flow, event: Event) -> cst.CSTNode | None:
    """What cut the value that a backward runs on from the graph of a model; None where it may be in a graph."""
    expression = receiver(event.node) if event.file is flow.file and event.by is None else None
    return _cut(flow, event.on, expression, _DEPTH)


def cut_of(flow: Flow, expression: cst.BaseExpression) -> cst.CSTNode | None:
    """What cut the value of an expression from the graph of a model; None where it may be in a graph."""
    return _cut(flow, flow.value(expression), expression, _DEPTH)


def _cut(flow: Flow, value: Value, expression: cst.CSTNode | None, depth: int) -> cst.CSTNode | None:
    if isinstance(value, Tensor) and value.grad is not None:
        known = value.grad.value == "cut" and _was_attached(flow, value, value.grad.because)
        return value.grad.because if known else None
    if isinstance(value, Result) and any(event.node is value.call for event in flow.of("item")):
        return value.call
    if depth == 0:
        return None
    loss = next((event for event in flow.of("loss") if event.value == value and isinstance(value, Tensor)), None)
    if loss is not None:
        return _cut_in_loss(flow, loss, depth)
    return _cut_in_expression(flow, expression, depth) if expression is not None else None


def _cut_in_loss(flow: Flow, loss: Event, depth: int) -> cst.CSTNode | None:
    """A loss is cut where its input is, and everything else that it is given is data."""
    inside = loss.node if isinstance(loss.node, cst.Call) and loss.file is flow.file else None
    given = loss.argument(0, "input")
    if given is None:
        return None
    argument = flow.file.argument(inside, 0, "input") if inside is not None else None
    cut = _cut(flow, given, argument, depth - 1)
    others = [value for value in (*loss.args, *loss.keywords.values()) if value is not given]
    return cut if cut is not None and all(_is_data(flow, value) for value in others) else None


def _cut_in_expression(flow: Flow, node: cst.CSTNode, depth: int) -> cst.CSTNode | None:
    """What is computed is cut where a term is, and the others are cut as well or data."""
    if isinstance(node, cst.Name):
        found = flow.file.scopes.find(node.value, node)
        values = [b.value for b in found[1]] if found is not None else []
        if len(values) != 1 or values[0] is None:
            return None
        return _cut(flow, flow.value(values[0]), values[0], depth - 1)
    if isinstance(node, cst.BinaryOperation):
        return _cut_of_all(flow, [node.left, node.right], depth)
    if isinstance(node, cst.Call):
        on = receiver(node)
        named = (flow.file.name(node.func) or "").startswith("torch.")
        if on is None and not named:
            return None
        parts = [arg.value for arg in node.args]
        return _cut_of_all(flow, parts if named or on is None else [on, *parts], depth)
    return None


def _cut_of_all(flow: Flow, parts: list[cst.BaseExpression], depth: int) -> cst.CSTNode | None:
    """What cuts one of the terms, where each of the others is cut as well, or data."""
    first = None
    for part in parts:
        value = flow.value(part)
        cut = _cut(flow, value, part, depth - 1)
        if cut is None and not _is_data(flow, value):
            return None
        first = first or cut
    return first


def _was_attached(flow: Flow, value: Tensor, because: cst.CSTNode) -> bool:
    """Whether what was cut came out of a model, and not from something that nothing is known of."""
    if value.models or _holds_output(flow, because, _DEPTH):
        return True
    return any(
        event.kind in ("forward", "call") and event.grad.because is because and _is_output(flow, event.value)
        for event in flow.events
    )


def _holds_output(flow: Flow, node: cst.CSTNode, depth: int) -> bool:
    """Whether a part of an expression, or what a variable in it was made of, comes out of a model."""
    for part in own_nodes(node):
        if isinstance(part, cst.BaseExpression) and _is_output(flow, flow.value(part)):
            return True
        if isinstance(part, cst.Name) and depth > 0:
            if any(_holds_output(flow, value, depth - 1) for value in assigned(flow.file, part)):
                return True
    return False


def _is_output(flow: Flow, value: Value) -> bool:
    if isinstance(value, Made) and value.name == "builtins.list":
        return any(event.on == value and _is_output(flow, event.args[0]) for event in flow.of("append"))
    if isinstance(value, Result) and any(event.node is value.call and event.on != value for event in flow.of("item")):
        return any(_is_output(flow, event.on) for event in flow.of("item") if event.node is value.call)
    return bool(value.models) if isinstance(value, Tensor) else is_computed(flow.file, value)


def _is_data(flow: Flow, value: Value) -> bool:
    """Whether a value has no graph of its own: a number, what a loader gives, an argument, a tensor of these."""
    if isinstance(value, (Const, Param, Size, Named)):
        return True
    if isinstance(value, (Element, Item)):
        return True
    if isinstance(value, Result):
        return any(event.node is value.call for event in flow.of("item"))
    if isinstance(value, Tensor):
        return not value.models if value.grad is None else value.grad.value in ("plain", "cut")
    return False
