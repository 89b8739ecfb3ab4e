"""Loops that leave a model in eval mode for their next pass, which trains it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.escape import HARMLESS
from torchdoctor.facts.evaluation import depends_on, share_turn
from torchdoctor.facts.ownership import related
from torchdoctor.facts.values import Attr, Named

if TYPE_CHECKING:
    from torchdoctor.facts.events import Arm, Event
    from torchdoctor.facts.flow import Flow


@dataclass(frozen=True, slots=True)
class Stuck:
    """``setting``: the eval() that is never undone; ``forward``: the call that trains; ``loop``: around both."""

    setting: Event
    forward: Event
    loop: cst.For | cst.While


def stuck(flow: Flow) -> Iterator[Stuck]:
    """The cases of which this flow's own body holds the loop."""
    whole = {event.node for event in flow.of("forward")}
    for forward in flow.of("forward"):
        if not whole.isdisjoint(forward.via):
            continue  # a part of a model that is called as a whole
        settings = {mode.because for mode in forward.modes if mode.training is False}
        if not settings or forward.grad.enabled is False or not _is_trained(flow, forward):
            continue
        for setting in flow.of("eval"):
            if setting.node in settings and related(setting.on, forward.on):
                loop = _shared_loop(flow, forward, setting)
                if loop is not None and _is_left_so(flow, loop, forward, setting):
                    yield Stuck(setting, forward, loop)


def _is_trained(flow: Flow, forward: Event) -> bool:
    """Whether a backward in the innermost loop of the forward is of what it gives."""
    if not forward.loops:
        return False
    return any(
        share_turn(forward.loops[-1], forward, event) and depends_on(flow, event.on, forward.on)
        for event in flow.of("backward")
    )


def _may_set_mode(event: Event, forward: Event) -> bool:
    """A function that is out of sight, and is given the model."""
    if event.kind != "call":
        return False
    if isinstance(event.on, Named) and event.on.name.startswith(HARMLESS):
        return False
    return isinstance(event.on, Named) and any(related(value, forward.on) for value in event.args)


def _makes(event: Event, forward: Event) -> bool:
    """Each pass of the loop has a model of its own."""
    model = forward.on
    while isinstance(model, Attr):
        model = model.of
    return event.kind in ("make", "call") and event.value == model


def _shared_loop(flow: Flow, forward: Event, setting: Event) -> cst.For | cst.While | None:
    """The innermost loop around both, where it stands in the flow's own function."""
    shared = [loop for loop in forward.loops if share_turn(loop, forward, setting)]
    loop = shared[-1] if shared else None
    if not isinstance(loop, (cst.For, cst.While)) or flow.file.function(loop) is not flow.function:
        return None
    return loop if loop in flow.file.tree.order else None


def _is_left_so(flow: Flow, loop: cst.For | cst.While, forward: Event, setting: Event) -> bool:
    """Whether nothing in the loop sets train mode again, and eval mode is not simply how the model is trained."""
    turn = [event for event in flow.events if share_turn(loop, forward, event)]
    if any(event.kind == "train" and related(event.on, forward.on) for event in turn):
        return False
    if any(_may_set_mode(event, forward) or _makes(event, forward) for event in turn):
        return False
    if setting.index > forward.index:
        return any(mode.training is not False for mode in forward.modes)
    if any(event.kind == "backward" and _in_other_passes(setting, event) for event in turn):
        return True
    between = (event for event in turn if setting.index < event.index < forward.index)
    return any(
        event.kind == "forward" and event.grad.enabled is False and related(event.on, forward.on) for event in between
    )


def _in_other_passes(setting: Event, backward: Event) -> bool:
    """Whether the pass that evaluates never is the one that trains: `if phase == "train": ... else: net.eval()`."""
    return any(_opposite(mine, other) for mine in setting.arms for other in backward.arms)


def _opposite(a: Arm, b: Arm) -> bool:
    if a.test is None or b.test is None or a.branch is b.branch:
        return False
    if a.test.deep_equals(b.test):
        return (a.index == 0) != (b.index == 0)
    x, y = _compared(a.test), _compared(b.test)
    return a.index == b.index == 0 and x is not None and y is not None and x[0].deep_equals(y[0]) and x[1] != y[1]


def _compared(test: cst.BaseExpression) -> tuple[cst.BaseExpression, str] | None:
    """The sides of `phase == "train"`."""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        comparison = test.comparisons[0]
        if isinstance(comparison.operator, cst.Equal) and isinstance(comparison.comparator, cst.SimpleString):
            return test.left, comparison.comparator.value
    return None
