"""Finds `view` calls that merge dimensions which do not lie next to each other in memory."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.layout import MOVERS, asked_sizes, short
from torchdoctor.facts.torch_api import as_tensor, view_fails
from torchdoctor.facts.values import Tensor


@on_file(words=("view",))
def check(file: File, _: File) -> Iterator[Found]:
    calls = [call for call in file.calls_by_method.get("view", ()) if call.args]
    if not calls or MOVERS.isdisjoint(file.mentions):
        return
    flows = file.flows.touching(frozenset(("view",)), MOVERS)
    if any(file.function(call) is None for call in calls):
        flows.append(file.flows.module)
    for call in calls:
        found = next((found for flow in flows if (found := _refused(call, flow)) is not None), None)
        if found is not None:
            tensor, reason = found
            yield _found(file, call, tensor, reason)


def _refused(call: cst.Call, flow: Flow) -> tuple[Tensor, str] | None:
    """The tensor that is viewed in this flow, and why torch refuses to."""
    assert isinstance(call.func, cst.Attribute)
    if call not in flow.values:
        return None
    tensor, sizes = as_tensor(flow.value(call.func.value)), asked_sizes(call, flow)
    reason = view_fails(tensor, sizes) if tensor is not None and sizes is not None else None
    return (tensor, reason) if tensor is not None and reason is not None else None


def _found(file: File, call: cst.Call, tensor: Tensor, reason: str) -> Found:
    assert isinstance(call.func, cst.Attribute)
    cause = tensor.layout or tensor.contiguous
    marks = ((cause.because, "moved here"),) if cause is not None and file.holds(cause.because) else ()
    return Found(
        call,
        f"`{short(file, call)}` {reason}",
        marks=marks if marks and marks[0][0] is not call.func.value else (),
        swaps=(Swap(call.func.attr, "reshape"),),
    )
