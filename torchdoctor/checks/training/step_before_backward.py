"""A step between a forward pass and its backward: it uses no gradients, or those of the batch before."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_flow
from torchdoctor.checks._moving import line_of, moved, optimizer_code
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.training import Training, blamed
from torchdoctor.facts.values import Value


@on_flow(words=["backward", "manual_backward"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for optimizer in facts.optimizers:
        for step in flow.of("step", "scaler_step"):
            if facts.steps(step, optimizer) and not (step.kind == "step" and step.args):
                backward = _late(flow, facts, optimizer, step)
                if backward is not None and file in (step.file, backward.file):
                    yield _found(file, flow, facts, optimizer, step, backward)


def _late(flow: Flow, facts: Training, optimizer: Value, step: Event) -> Event | None:
    """The backward after the step, of a loss from before it, where nothing gave the step gradients in this pass."""
    following = [e for e in flow.of("backward") if e.index > step.index and e.loops == step.loops]
    backward = next((e for e in following if facts.feeds(e, optimizer) is True), None)
    if backward is None or facts.by_framework(backward) or flow.exclusive(step, backward):
        return None
    forward = _forward(flow, backward)
    if forward is None or forward.index > step.index:
        return None
    head = [e for e in flow.events if e.loops[: len(step.loops)] == step.loops and e.index < backward.index]
    if any(e.kind == "backward" and facts.feeds(e, optimizer) is not False for e in head):
        return None
    if any(
        facts.differentiates(e, optimizer) or e.index in facts.escapes(optimizer) or facts.may_go_backward(e)
        for e in head
    ):
        return None
    if facts.touches_gradients([step]):
        return None
    return backward


def _forward(flow: Flow, backward: Event) -> Event | None:
    """The last forward pass or loss, in the same pass of the same loops, before the backward."""
    found = [
        event
        for event in flow.events
        if event.kind in ("forward", "loss") or (event.kind == "call" and event.value == backward.on)
        if event.index < backward.index and event.loops == backward.loops and event.grad.enabled is not False
    ]
    return found[-1] if found else None


def _found(file: File, flow: Flow, facts: Training, optimizer: Value, step: Event, backward: Event) -> Found:
    place, late = blamed(flow, step, backward), blamed(flow, backward, step)
    code = optimizer_code(step)
    cleared = all(gradients.state == "cleared" for gradients in facts.gradients(optimizer).states(step))
    what = "without any gradients" if cleared else "with gradients of an earlier batch"
    return Found(
        place,
        f"`{code}` steps {what}: the `backward()` of this forward pass comes after the step",
        marks=((late, "the gradients are computed here"),) if late is not place else (),
        swaps=moved(file, line_of(file, step), line_of(file, backward)),
    )
