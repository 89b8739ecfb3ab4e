"""Ranks wait for what they send each other, while nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import time
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    exposed = sum(step.exposed for step in record.steps)
    sent = sum(step.communicating for step in record.steps)
    share = record.share(exposed)
    if share < 0.1 or not sent:
        return
    kernels = [one for one in record.kernels if one.family == "communication"]
    calls = sum(one.calls for one in kernels)
    yield Diagnosis(
        f"the GPU only communicates for {time(record.a_step(exposed))} a step, {percent(share)} of it: "
        f"{percent(exposed / sent)} of the communication is not hidden behind computing",
        evidence=(f"{record.a_step(calls):.0f} collectives a step, {time(sent / calls)} each",) if calls else (),
        weight=share,
    )
