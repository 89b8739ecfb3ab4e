"""The model is called for one sample after the other, not for a batch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, times, within
from torchdoctor.signs.speed._per_sample import per_sample
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    forward = record.act("forward")
    if forward is None or not per_sample(record):
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
