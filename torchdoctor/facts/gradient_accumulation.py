"""Gradient accumulation: a backward in each pass of a loop, and a step in every k-th."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.means import is_mean
from torchdoctor.facts.training import Training
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Made, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow


def accumulates_mean(flow: Flow, facts: Training, optimizer: Value, backward: Event, step: Event) -> bool:
    """Whether each pass of a loop adds the gradients of a mean loss, and some passes step and clear."""
    loop = step.loops[-1]
    if backward.file is not step.file or backward.loops != step.loops:
        return False
    if set(backward.arms) >= set(step.arms) and not _left_early(flow, backward, step):
        return False
    inside = flow.inside(loop)
    clearings = [event for event in inside if facts.clears(event, optimizer)]
    return (
        facts.feeds(backward, optimizer) is True
        and not (backward.args or backward.keywords)
        and not facts.by_framework(backward)
        and (backward.by is None or flow.kind(backward.by) == "scaler")
        and bool(clearings)
        and all(set(event.arms) > set(backward.arms) or _left_early(flow, backward, event) for event in clearings)
        and not any(event.index in facts.escapes(optimizer) for event in inside)
        and not facts.touches_gradients(inside)
        and is_mean(flow, backward)
    )


def _left_early(flow: Flow, backward: Event, step: Event) -> bool:
    """`if (i + 1) % k: continue` between the two."""
    return any(
        event.kind == "continue" and backward.index < event.index < step.index and event.loops == step.loops
        for event in flow.events
    )


def modulos(flow: Flow, step: Event, backward: Event) -> Iterator[cst.BinaryOperation]:
    """The `i % k` that decide whether a pass steps."""
    jumps = [e for e in flow.of("continue") if backward.index < e.index < step.index and e.loops == step.loops]
    for event in (step, *jumps):
        for arm in event.arms:
            if arm not in backward.arms and arm.test is not None:
                for node in _asked(step.file, arm.test):
                    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
                        yield node


def _asked(file: File, test: cst.BaseExpression) -> Iterator[cst.CSTNode]:
    """The parts of a test, and of what the names in it were given."""
    for node in within(test):
        yield node
        if isinstance(node, cst.Name):
            for value in file.scopes.values(node):
                yield from within(value)


def has_computed_rate(optimizer: Value) -> bool:
    """Whether the optimizer's learning rate is the result of a computation where it is made."""
    if not isinstance(optimizer, Made) or not isinstance(optimizer.call, cst.Call):
        return False
    rates = [arg.value for arg in optimizer.call.args if arg.keyword is not None and arg.keyword.value == "lr"]
    rates += [arg.value for arg in optimizer.call.args[1:2] if arg.keyword is None]
    return any(isinstance(rate, cst.BinaryOperation) for rate in rates)
