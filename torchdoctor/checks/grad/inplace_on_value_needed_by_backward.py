"""Finds writes into the result of an operation that keeps that result for backward: sigmoid, exp, softmax, relu ...

Silent where the result is not known to be in a graph, and where gradients are off.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.kept_results import functions_writing
from torchdoctor.facts.layout import short
from torchdoctor.facts.torch_api.saved import KEEPING_LAYERS, KEEPING_RESULT, WRITING
from torchdoctor.facts.values import Made, Tensor, Value

_WORDS = KEEPING_RESULT | {name.rpartition(".")[2] for name in KEEPING_LAYERS}


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    told = set()
    for flow in file.flows.running(functions_writing(file)):
        for node, value in _writes(flow):
            made = _kept(flow, value)
            if made is None or made in told or not file.holds(made) or may_fail(file, node):
                continue
            told.add(made)
            yield Found(
                node,
                f"`{short(file, node)}` overwrites the result of `{short(file, made)}`, which backward needs",
                marks=((made, "kept for backward here", file),),
            )


def _writes(flow: Flow) -> Iterator[tuple[cst.CSTNode, Value]]:
    """What is written into: by `y += 1`, by `y.mul_(2)`."""
    for event in flow.of("augment"):
        if not event.via and event.grad.enabled:
            yield event.node, event.on
    for name in WRITING:
        for call in flow.file.calls_by_method.get(name, ()):
            if call in flow.values and isinstance(call.func, cst.Attribute):
                yield call, flow.value(call.func.value)


def _kept(flow: Flow, value: Value) -> cst.Call | None:
    """The call whose result a tensor in a graph is, where it keeps that result."""
    made = (
        value.source
        if isinstance(value, Tensor) and value.grad is not None and value.grad.value == "attached"
        else None
    )
    if not isinstance(made, cst.Call) or made not in flow.values or flow.values[made] != value:
        return None
    callee = flow.values.get(made.func)
    if isinstance(callee, Made):
        return made if callee.name in KEEPING_LAYERS else None
    name = flow.file.name(made.func)
    if name is not None:
        return made if name.startswith("torch.") and name.rpartition(".")[2] in KEEPING_RESULT else None
    method = made.func.attr.value if isinstance(made.func, cst.Attribute) else ""
    return made if method in KEEPING_RESULT else None
