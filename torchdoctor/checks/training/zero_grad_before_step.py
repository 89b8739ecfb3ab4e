"""Gradients that a clearing throws away between the backward that made them and the step that should use them."""

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
                for clearing, backward in _thrown_away(flow, facts, optimizer, step):
                    if file in (clearing.file, step.file):
                        yield _found(file, flow, clearing, backward, step)


def _thrown_away(flow: Flow, facts: Training, optimizer: Value, step: Event) -> list[tuple[Event, Event]]:
    """The clearings, each with the backward before it, if there is no way to the step but through one of them."""
    found = {}
    for gradients in facts.gradients(optimizer).states(step):
        if gradients.state != "cleared" or gradients.lost < 0:
            return []
        clearing, backward = flow.events[gradients.because], flow.events[gradients.lost]
        if facts.feeds(backward, optimizer) is not True:
            return []
        found[clearing.index] = (clearing, backward)
    return list(found.values())


def _found(file: File, flow: Flow, clearing: Event, backward: Event, step: Event) -> Found:
    place, stepped = blamed(flow, clearing, step), blamed(flow, step, clearing)
    code = clearing.file.code(clearing.node).partition("\n")[0]
    marks = [(stepped, f"`{optimizer_code(step)}` steps here, without gradients")]
    if (made := blamed(flow, backward)) not in (place, stepped):
        marks.insert(0, (made, "these gradients are never used"))
    return Found(
        place,
        f"`{code}` throws away the gradients of this `backward()` before `{optimizer_code(step)}` steps with them",
        marks=tuple(mark for mark in marks if mark[0] is not place),
        swaps=moved(file, line_of(file, clearing), line_of(file, step)),
    )
