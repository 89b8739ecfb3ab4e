"""The model is called for one sample after the other, not for a batch. Needs shapes: accumulation is no such loop."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, times, within
from torchdoctor.trace_record import Operator, TraceRecord

_LAYERS = ("aten::linear", "aten::conv2d", "aten::conv1d", "aten::conv3d", "aten::addmm", "aten::convolution")
_FIRST = re.compile(r"\[([^\]]*)\]")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    forward = record.act("forward")
    if forward is None or record.a_step(forward.calls) < 8 or record.whole:
        return
    layers = [
        one for one in record.operators if one.name in _LAYERS and one.name not in ("aten::addmm", "aten::convolution")
    ]
    if not layers or not all(_single(one) for one in layers):
        return
    share = record.share(record.phase("forward") + record.phase("backward"))
    if share < 0.3:
        return
    yield Diagnosis(
        f"the model is called {times(record, forward.calls)}, with one sample each: {percent(share)} of the step",
        at=at(forward.place),
        evidence=within(forward.place),
        weight=share,
    )


def _single(one: Operator) -> bool:
    """Whether what comes in is one sample: no batch, or a batch of one."""
    found = _FIRST.match(one.shapes)
    sizes = [size.strip() for size in found[1].split(",")] if found else []
    return len(sizes) == 1 or sizes[:1] == ["1"]
