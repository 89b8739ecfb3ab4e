"""What is put in the place of modules and parameters that somebody holds already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.escape import contains
from torchdoctor.facts.events import Event
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.kinds import is_parametric
from torchdoctor.facts.ownership import Parameters, related
from torchdoctor.facts.values import Attr, Const, Made, Result, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow
    from torchdoctor.facts.training import Training

# Methods of library models that put new parameters in the place of old ones.
_REPLACING = frozenset({"resize_token_embeddings", "resize_position_embeddings", "reset_classifier"})


@dataclass(frozen=True, slots=True)
class Replacement:
    """``event`` replaces ``what`` (a phrase) by ``new``."""

    event: Event
    what: str
    new: Value


def replacements(flow: Flow, held: Parameters, since: Event) -> Iterator[Replacement]:
    """Where, after the event, modules whose parameters are held are replaced: a part of one, or all of it."""
    for event in flow.events:
        if event.index > since.index:
            if event.kind == "write" and _replaces_part(flow, held, event):
                yield Replacement(event, f"`{_target(event)}`", event.args[1])
            elif event.kind == "call" and isinstance(event.on, Attr) and event.on.name in _REPLACING:
                if held.hold(unwrapped(event.on.of)):
                    yield Replacement(event, f"a part of `{_receiver(event)}`", event.value)
    yield from _wholes(flow, held, since)


def _replaces_part(flow: Flow, held: Parameters, event: Event) -> bool:
    key, new = event.args
    whole = unwrapped(event.on)
    if isinstance(key, Const) and isinstance(key.value, str):
        part: Value = Attr(whole, key.value)
    elif flow.kind(whole) in ("module", None):
        part = whole
    else:
        return False
    taken = any(_within(part, module) or _within(module, part) for module in held.modules)
    taken = taken or any(unwrapped(value) in held.modules for value in _chain(flow, event))
    return taken and _brings_parameters(flow, event, new) and not any(related(new, module) for module in held.modules)


def _chain(flow: Flow, event: Event) -> Iterator[Value]:
    """What each part of the target names: for `net.body[2]`, net.body and net."""
    statement = event.node
    target: cst.CSTNode | None = statement.targets[0].target if isinstance(statement, cst.Assign) else None
    while isinstance(target, (cst.Attribute, cst.Subscript)):
        target = target.value
        yield flow.value(target)


def _within(part: Value, whole: Value) -> bool:
    """Whether the one is the other, or reached through it."""
    while part != whole:
        if not isinstance(part, Attr):
            return False
        part = part.of
    return True


def _brings_parameters(flow: Flow, event: Event, new: Value) -> bool:
    """Whether what is put there is new, and has parameters of its own."""
    if isinstance(new, Made):
        if new.name in ("torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"):
            return any(_brings_parameters(flow, event, part) for part in new.args)
        if new.name.startswith("torch.nn."):
            return is_parametric(new.name)
        return flow.kind(new) == "module"
    statement = event.node
    value = statement.value if isinstance(statement, cst.Assign) else None
    called = value.func if isinstance(value, cst.Call) else None
    return event.file.name(called) == "torch.nn.Parameter"


def _wholes(flow: Flow, held: Parameters, since: Event) -> Iterator[Replacement]:
    """`net = Other()` after `SGD(net.parameters())`, where only the other one is trained from then on."""
    if not held.complete or not held.modules or since.file is not flow.file or since.via:
        return
    order = flow.file.tree.order
    trained: dict[Value, None] = {}
    for event in flow.of("backward"):
        if event.index > since.index and event.loops and isinstance(event.on, Tensor):
            if any(held.hold(model) for model in event.on.models):
                return
            trained.update(dict.fromkeys(model for model in event.on.models if isinstance(model, (Made, Result))))
    for model in trained:
        assert isinstance(model, (Made, Result))
        assign = flow.file.parent(model.call)
        target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
        if target is None or model.call not in order or order[model.call] < order[since.node]:
            continue
        if _is_made_of(flow, held, model):
            continue
        name = flow.file.code(target)
        if name in set(_asked(flow, since)) and assign is not None:
            event = next((e for e in flow.events if e.node is model.call), since)
            yield Replacement(event.at(assign), f"`{name}`", model)


def _is_made_of(flow: Flow, held: Parameters, model: Made | Result) -> bool:
    """Whether the new model is the old one in other clothes: `engine.wrap(net)`, `net.with_hooks()`."""
    event = next((event for event in flow.events if event.node is model.call), None)
    if event is None:
        return False
    given = [*event.args, *event.keywords.values(), *([event.on.of] if isinstance(event.on, Attr) else [])]
    return any(contains(unwrapped(value), module) for value in given for module in held.modules)


def _asked(flow: Flow, since: Event) -> Iterator[str]:
    """The source of `net` in each `net.parameters()` that the optimizer was given."""
    for call in flow.file.calls_by_method.get("parameters", ()):
        if since.node in flow.file.ancestors(call) and isinstance(call.func, cst.Attribute):
            yield flow.file.code(call.func.value)


def _target(event: Event) -> str:
    statement = event.node
    target = statement.targets[0].target if isinstance(statement, cst.Assign) else statement
    return event.file.code(target)


def _receiver(event: Event) -> str:
    node = event.node
    assert isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
    return event.file.code(node.func.value)


def goes_on(flow: Flow, facts: Training, optimizer: Value, replacement: Replacement) -> bool:
    """Whether the optimizer is used after the replacement, and never told of the new parameters."""
    later = [event for event in flow.events if event.index > replacement.event.index]
    for event in later:
        if event.kind == "call" and isinstance(event.on, Attr):
            if event.on.of == optimizer and event.on.name in ("add_param_group", "param_groups"):
                return False
            if event.on.name == "requires_grad_" and event.on.of == replacement.new:
                return False
    if any(facts.steps(event, optimizer) for event in later):
        return True
    if "add_param_group" in flow.file.mentions:
        return False  # whoever goes on with it may tell it
    return _is_kept(flow, optimizer) or any(_hands_on(flow, optimizer, event) for event in later)


def _hands_on(flow: Flow, optimizer: Value, event: Event) -> bool:
    """Whether the optimizer is returned, or an object of the project made with it: a trainer, which goes on with it."""
    if event.kind == "return":
        return contains(event.on, optimizer)
    if event.kind != "make" or not isinstance(event.value, Made):
        return False
    given = (*event.args, *event.keywords.values())
    return flow.file.classes.named(event.value.name) is not None and any(contains(value, optimizer) for value in given)


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
