"""Leaves that are made of computed values, and the backwards that run on them and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst

from torchdoctor.facts.cuts import Cuts
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.gradients import receiver
from torchdoctor.facts.origins import assigned
from torchdoctor.facts.tree import own_nodes
from torchdoctor.facts.values import Arithmetic, Attr, Item, Made, Param, Result, Tensor, Unknown, Value, const

# Constructors that copy or wrap what they are given into a leaf; whether they ask for a gradient without being told.
_MAKERS = {
    "torch.tensor": False, "torch.autograd.Variable": False,
    "torch.nn.Parameter": True, "torch.nn.parameter.Parameter": True,
}  # fmt: skip
# Methods after which the value is still a leaf's and nothing else's.
_REDUCING = frozenset({"mean", "sum", "squeeze", "view", "reshape", "float", "to", "cuda", "cpu", "requires_grad_"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """One place that makes a leaf ``after`` of the value ``before``; in place they are one thing."""

    node: cst.CSTNode = field(repr=False)
    before: Value
    after: Value
    in_place: bool = False


def leaves_run_backward(file: File, flow: Flow) -> Iterator[tuple[Leaf, Event]]:
    """The leaves that are made of computed values, each with a backward that runs on it itself."""
    backwards = flow.of("backward")
    if not backwards:
        return
    for leaf in _leaves(file, flow, backwards):
        backward = next((event for event in backwards if _runs_on(file, event, leaf)), None)
        if backward is not None:
            yield leaf, backward


def has_run(file: File, leaf: cst.CSTNode) -> bool:
    """Whether the same function ran backward on the loss before: what it keeps is the gradients, on purpose."""
    line = file.statement(leaf)
    assigned = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    name = file.code(assigned.targets[0].target) if isinstance(assigned, cst.Assign) else ""
    calls = [call for call in file.calls_by_method["backward"] if file.function(call) is file.function(leaf)]
    order = file.tree.order
    return any(
        isinstance(call.func, cst.Attribute) and file.code(call.func.value) == name and order[call] < order[leaf]
        for call in calls
    )


def _leaves(file: File, flow: Flow, backwards: list[Event]) -> Iterator[Leaf]:
    cuts = Cuts(flow, lenient=True)
    own = list(own_nodes(flow.node if isinstance(flow.node, cst.Module) else flow.node.body))
    returned = [event.on.source for event in backwards if isinstance(event.on, Tensor)]
    for node in (*own, *(source for source in returned if source in file.tree.order)):
        if isinstance(node, cst.Assign) and flow.value(node.value) == const(True):
            for target in node.targets:
                if isinstance(target.target, cst.Attribute) and target.target.attr.value == "requires_grad":
                    value = flow.value(target.target.value)
                    if _is_computed(flow, value) or isinstance(value, Param | Attr):
                        yield Leaf(node, value, value, in_place=True)
        elif isinstance(node, cst.Call):
            yield from _made_by_call(file, flow, cuts, node)


def _made_by_call(file: File, flow: Flow, cuts: Cuts, node: cst.Call) -> Iterator[Leaf]:
    on = receiver(node)
    if on is not None and isinstance(node.func, cst.Attribute) and node.func.attr.value == "requires_grad_":
        before = flow.value(on)
        given = file.argument(node, 0, "requires_grad")
        asked = given is None or flow.value(given) == const(True)
        if asked and (_is_cut(before) or cuts.find(before, on) is not None):
            yield Leaf(node, before, flow.value(node), in_place=True)
        return
    name = file.name(node.func)
    if name not in _MAKERS:
        return
    given = file.argument(node, None if name == "torch.tensor" else 1, "requires_grad")
    data = file.argument(node, 0, "data")
    if data is not None and (_MAKERS[name] if given is None else cuts.value(given) == const(True)):
        before = cuts.value(data)
        if _is_computed(flow, before) or isinstance(before, Param | Attr):
            yield Leaf(node, before, cuts.value(node))


def _is_cut(value: Value) -> bool:
    return isinstance(value, Tensor) and value.grad is not None and value.grad.value == "cut"


def _is_computed(flow: Flow, value: Value) -> bool:
    """Whether a value comes out of a computation, and not from constants or data."""
    if isinstance(value, Tensor):
        made_of_data = value.grad is not None and value.grad.value in ("plain", "leaf")
        return bool(value.models) or not made_of_data
    if isinstance(value, Made) and value.name == "builtins.list":
        added = [event.args[0] for event in flow.of("append") if event.on == value]
        return any(_is_computed(flow, item) for item in (*value.args, *added))
    if isinstance(value, Item):
        return _is_computed(flow, value.of)
    return isinstance(value, Result | Arithmetic)


def _runs_on(file: File, event: Event, leaf: Leaf) -> bool:
    if event.on == leaf.after or (leaf.in_place and event.on == leaf.before):
        return not isinstance(event.on, Made | Unknown)
    if isinstance(event.on, Tensor) and event.on.source is leaf.node:
        return True
    expression = receiver(event.node)
    return event.file is file and expression is not None and _leads_to(file, expression, leaf.node, 4)


def _leads_to(file: File, expression: cst.BaseExpression, node: cst.CSTNode, depth: int) -> bool:
    """Whether an expression is the leaf itself, reduced or scaled by a number."""
    if expression is node:
        return True
    if depth == 0:
        return False
    if isinstance(expression, cst.Name):
        values = assigned(file, expression)
        return bool(values) and _leads_to(file, values[-1], node, depth - 1)
    if isinstance(expression, cst.BinaryOperation) and isinstance(expression.right, cst.Integer | cst.Float):
        return _leads_to(file, expression.left, node, depth - 1)
    on = receiver(expression)
    if on is not None and isinstance(expression, cst.Call) and isinstance(expression.func, cst.Attribute):
        return expression.func.attr.value in _REDUCING and _leads_to(file, on, node, depth - 1)
    return False
