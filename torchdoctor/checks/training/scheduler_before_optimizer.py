"""A schedule that is stepped before the first step of its optimizer."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_flow
from torchdoctor.checks._moving import line_of, moved, optimizer_code, receiver
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.schedulers import SCHEDULERS
from torchdoctor.facts.training import Training, blamed
from torchdoctor.facts.values import Attr, Free, Made, Param, Value


@on_flow(words=["backward", *SCHEDULERS])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    seen = set()
    for tick in flow.of("step"):
        if tick.on in seen or flow.kind(tick.on) != "scheduler" or tick.args or tick.keywords:
            continue
        seen.add(tick.on)
        optimizer = _optimizer(flow, facts, tick.on)
        step = _first_step(flow, facts, optimizer) if optimizer is not None else None
        if step is not None and optimizer is not None and tick.index < step.index:
            if file in (tick.file, step.file) and _comes_first(flow, facts, optimizer, tick, step):
                yield _found(file, flow, tick, step)


def _optimizer(flow: Flow, facts: Training, scheduler: Value) -> Value | None:
    """The optimizer that the scheduler was made for; where that is not in sight, the only one there is."""
    if isinstance(scheduler, Made):
        return scheduler.argument(0, "optimizer")
    return facts.optimizers[0] if len(facts.optimizers) == 1 else None


def _first_step(flow: Flow, facts: Training, optimizer: Value) -> Event | None:
    return next((event for event in flow.events if facts.steps(event, optimizer)), None)


def _comes_first(flow: Flow, facts: Training, optimizer: Value, tick: Event, step: Event) -> bool:
    """Whether the first of all passes ticks before it steps, and goes on to step."""
    if not all(_is_switch(flow, arm.test) for arm in tick.arms if arm not in step.arms) or flow.exclusive(tick, step):
        return False
    if any(event.index < tick.index and event.index in facts.escapes(optimizer) for event in flow.events):
        return False
    if any(loop not in step.loops for loop in tick.loops):
        return False  # wound forward, or only drawn, before the training
    return bool(tick.loops) or not any(event.value == tick.on for event in flow.of("make"))


def _is_switch(flow: Flow, test: cst.BaseExpression | None) -> bool:
    """Whether the test asks for an option, which is the same in every pass: `if decay:`."""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        if isinstance(test.comparisons[0].operator, (cst.Is, cst.IsNot)):
            return _is_switch(flow, test.left)
    value = flow.value(test) if test is not None else None
    return isinstance(value, (Param, Attr, Free, Made))


def _found(file: File, flow: Flow, tick: Event, step: Event) -> Found:
    place, later = blamed(flow, tick, step), blamed(flow, step, tick)
    schedule, optimizer = receiver(tick.file, tick), optimizer_code(step)
    return Found(
        place,
        f"`{schedule}` steps before the first step of `{optimizer}`: the first learning rate is never used",
        marks=((later, f"`{optimizer}` steps here"),) if later is not place else (),
        swaps=moved(file, line_of(file, tick), later),
    )
