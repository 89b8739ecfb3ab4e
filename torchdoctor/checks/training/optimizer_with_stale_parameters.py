"""A layer, a parameter or a whole model that is replaced after an optimizer took the old one's parameters."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_flow
from torchdoctor.facts.escape import contains
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.replacing import Replacement, replacements
from torchdoctor.facts.training import Training, blamed, training
from torchdoctor.facts.values import Attr, Made, Value

_OPTIMIZERS = (
    "optim", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "Muon", "NAdam", "RAdam",
    "RMSprop", "Rprop", "SGD", "SparseAdam",
)  # fmt: skip


@on_flow(words=_OPTIMIZERS)
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = training(flow)
    for made in flow.of("make"):
        if flow.kind(made.value) != "optimizer" or made.value not in facts.optimizers:
            continue
        told = set()  # one call that replaces several parts is told of once
        for replacement in replacements(flow, facts.parameters(made.value), made):
            if file in (made.file, replacement.event.file) and _goes_on(flow, facts, made.value, replacement):
                found = _found(file, flow, made, replacement)
                if found.node not in told:
                    told.add(found.node)
                    yield found


def _goes_on(flow: Flow, facts: Training, optimizer: Value, replacement: Replacement) -> bool:
    """Whether the optimizer is used after the replacement, and never told of the new parameters."""
    later = [event for event in flow.events if event.index > replacement.event.index]
    for event in later:
        if event.kind == "call" and isinstance(event.on, Attr):
            if event.on.of == optimizer and event.on.name in ("add_param_group", "param_groups"):
                return False
            if event.on.name == "requires_grad_" and event.on.of == replacement.new:
                return False
    used = any(facts.steps(e, optimizer) or (e.kind == "return" and contains(e.on, optimizer)) for e in later)
    return used or _is_kept(flow, optimizer)


def _is_kept(flow: Flow, optimizer: Value) -> bool:
    """Whether a constructor keeps the optimizer as an attribute that its class steps."""
    function = flow.function
    if function is None or function.name.value != "__init__" or not isinstance(optimizer, Made):
        return False
    parent = flow.file.parent(optimizer.call)
    target = parent.targets[0].target if isinstance(parent, cst.Assign) else None
    owner = flow.file.classes.enclosing(function)
    if not isinstance(target, cst.Attribute) or owner is None:
        return False
    steps = flow.file.calls_by_method.get("step", ())
    return any(
        isinstance(call.func, cst.Attribute)
        and isinstance(call.func.value, cst.Attribute)
        and call.func.value.attr.value == target.attr.value
        and owner.node in flow.file.ancestors(call)
        for call in steps
    )


def _found(file: File, flow: Flow, made: Event, replacement: Replacement) -> Found:
    place, before = blamed(flow, replacement.event, made), blamed(flow, made, replacement.event)
    return Found(
        place,
        f"{replacement.what} is replaced after the optimizer took its parameters: the new ones are never stepped",
        marks=((before, "the optimizer takes the old parameters here"),) if before is not place else (),
    )
