"""Gradients that are computed again and again for an optimizer that never steps."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.checks._moving import line_of, receiver
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.training import blamed
from torchdoctor.facts.unused import unused_gradients
from torchdoctor.facts.values import Made, Value


@on_flow(words=["backward"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for optimizer in facts.optimizers:
        if flow.kind(optimizer) == "optimizer" and not any(facts.steps(event, optimizer) for event in flow.events):
            found = unused_gradients(flow, facts, optimizer)
            if found is not None:
                yield _found(file, flow, optimizer, *found)


def _found(file: File, flow: Flow, optimizer: Value, backward: Event, clearing: Event | None) -> Found:
    place = blamed(flow, backward)
    marks = []
    if clearing is not None and blamed(flow, clearing) is not place:
        marks.append((blamed(flow, clearing), "the gradients are cleared here, unused"))
    elif isinstance(optimizer, Made) and optimizer.call in file.tree.parents:
        marks.append((optimizer.call, "the optimizer is made here"))
    name = _code(file, clearing)
    return Found(
        place,
        f"gradients are computed in this loop, but {f'`{name}`' if name else 'their optimizer'} never steps",
        marks=tuple(marks),
        swaps=_stepped(file, backward, clearing, name),
    )


def _code(file: File, clearing: Event | None) -> str | None:
    """What the optimizer is called where it is cleared."""
    if clearing is None or not isinstance(clearing.node, cst.Call) or not isinstance(clearing.node.func, cst.Attribute):
        return None
    return receiver(clearing.file, clearing)


def _stepped(file: File, backward: Event, clearing: Event | None, name: str | None) -> tuple[Swap, ...]:
    """Step after the backward, or after what clips its gradients."""
    line = line_of(file, backward)
    if line is None or name is None or clearing is None or clearing.file is not file:
        return ()
    if file.function(clearing.node) is not file.function(line):
        return ()
    scaler = backward.by is not None
    text = f"{name}.step()"
    if scaler and isinstance(backward.node, cst.Call):
        scaled = backward.node.func
        call = scaled.value if isinstance(scaled, cst.Attribute) else None
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
            return ()
        text = f"{file.code(call.func.value)}.step({name})"
    return (Swap(line, text, "after"),)
