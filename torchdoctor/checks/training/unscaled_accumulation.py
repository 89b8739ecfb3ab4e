"""Mean losses of several batches that are added up and never divided by their number."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.gradient_accumulation import accumulates_mean, has_computed_rate, modulos
from torchdoctor.facts.training import blamed

_SIMPLE = (cst.Name, cst.Attribute, cst.Integer)


@on_flow(words=["backward"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for optimizer in facts.optimizers:
        if has_computed_rate(optimizer):
            continue  # it may have been divided instead
        for step in flow.events:
            if facts.steps(step, optimizer) and step.file is file and step.loops:
                for backward in flow.of("backward"):
                    modulo = next(modulos(flow, step, backward), None)
                    if modulo is not None and accumulates_mean(flow, facts, optimizer, backward, step):
                        yield _found(file, flow, backward, step, modulo)


def _found(file: File, flow: Flow, backward: Event, step: Event, modulo: cst.BinaryOperation) -> Found:
    count = file.code(modulo.right)
    return Found(
        blamed(flow, backward),
        f"each step sums the mean losses of `{count}` batches: its gradients are `{count}` times those of their mean",
        marks=((blamed(flow, step), f"steps once in `{count}` passes"),),
        swaps=_divided(file, backward, modulo),
    )


def _divided(file: File, backward: Event, modulo: cst.BinaryOperation) -> tuple[Swap, ...]:
    node, count = backward.node, file.code(modulo.right)
    assert isinstance(node, cst.Call)
    loss: cst.BaseExpression | None = node.func.value if isinstance(node.func, cst.Attribute) else None
    if backward.by is not None and isinstance(loss, cst.Call) and loss.args:
        loss = loss.args[0].value
        return (Swap(loss, f"{file.code(loss)} / {count}"),) if isinstance(loss, (cst.Name, cst.Attribute)) else ()
    simple = isinstance(loss, (cst.Name, cst.Attribute, cst.Call)) and isinstance(modulo.right, _SIMPLE)
    return (Swap(loss, f"({file.code(loss)} / {count})"),) if simple and loss is not None else ()
