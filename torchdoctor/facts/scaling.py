"""Gradients that are still multiplied by a gradient scaler's scale where somebody uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.training import Training
from torchdoctor.facts.values import Const, Made, Value

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow


def scaled_at(flow: Flow, facts: Training, optimizer: Value, event: Event) -> Event | None:
    """The backward whose scaled gradients reach the event, nothing having unscaled them; None where that is not sure.

    On the ways that bring gradients at all they must be scaled: on all of them, or, where the event is not guarded by a
    question of its own, on some.
    """
    states = [s for s in facts.gradients(optimizer).states(event) if s.state in ("fresh", "unknown")]
    scaled = [state for state in states if state.state == "fresh" and state.scaled is not None and _is_on(state.scaled)]
    if not scaled or any(state.state == "unknown" for state in states):
        return None
    backward = flow.events[scaled[0].because]
    if len(scaled) < len(states) and any(arm not in backward.arms for arm in event.arms):
        return None
    if _by_hand(flow, event) or _by_hand(flow, backward):
        return None
    return backward


def _is_on(scaler: Value) -> bool:
    """Whether the scaler is not switched off for good: GradScaler(enabled=False)."""
    enabled = scaler.argument(None, "enabled") if isinstance(scaler, Made) else None
    return not (isinstance(enabled, Const) and not enabled.value)


def _by_hand(flow: Flow, event: Event) -> bool:
    """Whether the event's function asks for the scale: then it divides, or multiplies a threshold, by itself."""
    function = event.file.function(event.node)
    return any(
        node.attr.value in ("get_scale", "_scale", "_get_scale_async", "inv_scale")
        and event.file.function(node) is function
        for node in event.file.nodes(cst.Attribute)
    )
