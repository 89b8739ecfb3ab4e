"""Gradients are clipped with one call for each parameter."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "clip", 0.05)
    if found is None or record.a_step(found.calls) < 5:
        return
    share = record.share(found.total)
    taken = f"{time(record.a_step(found.total))}, {percent(share)}"
    yield Diagnosis(
        f"gradients are clipped {times(record, found.calls)}: {taken} of the step",
        at=at(found.place),
        evidence=within(found.place),
        weight=share,
    )
