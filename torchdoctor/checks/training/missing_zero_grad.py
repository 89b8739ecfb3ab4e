"""A loop that goes backward and steps, and in which nothing clears the gradients."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.checks._moving import line_of, optimizer_code
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.training import Training, blamed
from torchdoctor.facts.values import Value


@on_flow(words=["backward", "optim"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for optimizer in facts.optimizers:
        steps = [event for event in flow.events if facts.steps(event, optimizer) and not event.args[1:]]
        for step in steps:
            pair = _uncleared(flow, facts, optimizer, step)
            if pair is not None:
                yield _found(file, flow, *pair, step)
                break


def _uncleared(flow: Flow, facts: Training, optimizer: Value, step: Event) -> tuple[Event, cst.CSTNode] | None:
    """The first backward that feeds the step in the innermost loop around both, where nothing clears in that loop."""
    given = step.kind == "step" and bool(step.args or step.keywords)
    for backward in flow.of("backward"):
        if given and step.node not in backward.via:
            continue  # a closure that is not in sight clears by itself
        shared = [loop for loop in backward.loops if loop in step.loops]
        if not shared or shared[-1] not in flow.file.tree.order or facts.feeds(backward, optimizer) is not True:
            continue
        inside = flow.inside(shared[-1])
        if backward.index < step.index and not any(_excuses(facts, event, optimizer) for event in inside):
            if not _leaves_at_once(inside, shared[-1]):
                return backward, shared[-1]
    return None


def _excuses(facts: Training, event: Event, optimizer: Value) -> bool:
    """Whether the event clears, may clear for all that is known, or makes what is stepped anew."""
    return (
        facts.clears(event, optimizer)
        or event.index in facts.escapes(optimizer)
        or (event.kind == "backward" and facts.by_framework(event))
        or (event.kind == "make" and event.value == optimizer)
        or facts.differentiates(event, optimizer)
    )


def _leaves_at_once(inside: list[Event], loop: cst.CSTNode) -> bool:
    """Whether the loop ends in its first pass: then it is no loop over batches."""
    return any(event.kind == "break" and event.loops[-1] is loop and not event.arms for event in inside)


def _found(file: File, flow: Flow, backward: Event, loop: cst.CSTNode, step: Event) -> Found:
    place, stepped = blamed(flow, backward), blamed(flow, step)
    code = optimizer_code(step)
    marks = ((stepped, f"`{code}` steps here, with all that has been added up"),) if stepped is not place else ()
    return Found(
        place,
        f"no pass of this loop clears the gradients of `{code}`: `backward()` adds to those of all passes before",
        marks=marks,
        swaps=_cleared(file, backward, step, code),
    )


def _cleared(file: File, backward: Event, step: Event, code: str) -> tuple[Swap, ...]:
    """Clear before the backward; where several are accumulated, after the step."""
    first, second = line_of(file, backward), line_of(file, step)
    if first is None or second is None or file.function(first) is not file.function(second):
        return ()
    if len(step.arms) > len(backward.arms):
        return (Swap(second, f"{code}.zero_grad()", "after"),)
    return (Swap(first, f"{code}.zero_grad()", "before"),)
