"""An optimizer that steps by itself with gradients of a loss that a gradient scaler has scaled."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.checks._moving import line_of, receiver
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.scaling import scaled_at
from torchdoctor.facts.training import blamed


@on_flow(words=["backward"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for optimizer in facts.optimizers:
        for step in flow.of("step"):
            if not facts.steps(step, optimizer) or step.args or step.keywords:
                continue
            backward = scaled_at(flow, facts, optimizer, step)
            if backward is not None and file in (step.file, backward.file):
                yield _found(file, flow, step, backward)


def _found(file: File, flow: Flow, step: Event, backward: Event) -> Found:
    place, scaled = blamed(flow, step), blamed(flow, backward)
    name = receiver(step.file, step)
    return Found(
        place,
        f"`{name}.step()` steps with gradients that are still multiplied by the scaler's scale",
        marks=((scaled, "the scaled loss goes backward here"),) if scaled is not place else (),
        swaps=_through_scaler(file, flow, step, backward),
    )


def _through_scaler(file: File, flow: Flow, step: Event, backward: Event) -> tuple[Swap, ...]:
    """Step through the scaler, as the backward in the same function names it, and update it if nothing does."""
    line = line_of(file, step)
    scaler = _scaler(backward)
    if line is None or scaler is None or backward.file is not file:
        return ()
    if file.function(backward.node) is not file.function(line):
        return ()
    swaps = [Swap(step.node, f"{scaler}.step({receiver(file, step)})")]
    if not any(event.kind == "update" and event.on == backward.by for event in flow.events):
        swaps.append(Swap(line, f"{scaler}.update()", "after"))
    return tuple(swaps)


def _scaler(backward: Event) -> str | None:
    """The source of `scaler` in `scaler.scale(loss).backward()`."""
    node = backward.node
    scaled = node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else None
    if isinstance(scaled, cst.Call) and isinstance(scaled.func, cst.Attribute):
        return backward.file.code(scaled.func.value)
    return None
