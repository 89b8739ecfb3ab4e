"""Gradients that a loop computes for an optimizer, and that nothing ever uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.escape import contains
from torchdoctor.facts.events import Event
from torchdoctor.facts.training import Training
from torchdoctor.facts.values import Attr, Value

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow


def unused_gradients(flow: Flow, facts: Training, optimizer: Value) -> tuple[Event, Event | None] | None:
    """A backward in a loop that gives the optimizer gradients which nothing uses, and the clearing there, if any."""
    for backward in flow.of("backward"):
        if not backward.loops or backward.loops[-1] not in flow.file.tree.order:
            continue
        inside = flow.inside(backward.loops[-1])
        clearing = next((e for e in inside if facts.clears(e, optimizer) and set(e.arms) <= set(backward.arms)), None)
        if facts.feeds(backward, optimizer) is not True or facts.by_framework(backward):
            continue
        if clearing is None and not _is_made_here(flow, optimizer):
            continue  # who made the optimizer may step once all gradients are there
        watched = inside if clearing is not None else flow.events
        if not _is_used(flow, facts, optimizer, watched) and not facts.touches_gradients(inside):
            return backward, clearing
    return None


def _is_made_here(flow: Flow, optimizer: Value) -> bool:
    return any(event.value == optimizer and not event.loops for event in flow.of("make"))


def _is_used(flow: Flow, facts: Training, optimizer: Value, events: list[Event]) -> bool:
    """Whether something may step, read the gradients, or hand the optimizer on."""
    escaped = facts.escapes(optimizer)
    for event in events:
        if event.index in escaped or event.kind == "yield" or facts.differentiates(event, optimizer):
            return True
        if event.kind in ("step", "scaler_step") and not _is_no_step(flow, facts, optimizer, event):
            return True
        if event.kind == "return" and contains(event.on, optimizer):
            return True
        if event.kind == "write" and contains(event.args[-1], optimizer):
            return True
        if event.kind == "call" and isinstance(event.on, Attr) and "hook" in event.on.name:
            return True
        if event.kind == "clip" and not isinstance(event.file.parent(event.node), cst.Expr):
            return True  # the norm is what is wanted
    return False


def _is_no_step(flow: Flow, facts: Training, optimizer: Value, event: Event) -> bool:
    """A step of an optimizer of other parameters, or of something that is no optimizer."""
    stepped = event.argument(0, "optimizer") if event.kind == "scaler_step" else event.on
    if stepped is None or flow.kind(stepped) == "scheduler":
        return stepped is not None
    return flow.kind(stepped) == "optimizer" and not facts.share(facts.parameters(stepped), facts.parameters(optimizer))
