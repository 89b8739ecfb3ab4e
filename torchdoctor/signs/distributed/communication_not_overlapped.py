"""Ranks wait for what they send each other, while nothing is computed. Silent without a GPU, where one rank's trace
alone does not tell a slow link from a late rank."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import time, times
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    exposed = sum(step.exposed for step in record.steps)
    sent = sum(step.communicating for step in record.steps)
    share = record.share(exposed)
    if not record.gpu or share < 0.1 or not sent:
        return
    kernels = [one for one in record.kernels if one.family == "communication"]
    calls = sum(one.calls for one in kernels)
    yield Diagnosis(
        f"the GPU only communicates for {time(record.a_step(exposed))} a step, {percent(share)} of it: "
        f"{percent(exposed / sent)} of the communication is not hidden behind computing",
        cures=(
            "let gradients be sent while backward still runs: larger buckets, fewer and later collectives",
            "where one rank is late the others wait like this: `torchdoctor profile --from DIR` compares their traces",
        ),
        evidence=(f"collectives run {times(record, calls)}, {time(sent / calls)} each",) if calls else (),
        weight=share,
    )
