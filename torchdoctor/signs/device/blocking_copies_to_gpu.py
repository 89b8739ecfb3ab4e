"""Batches are copied to the GPU from pageable memory: the host waits for each copy, and the GPU for the next batch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    pageable = [one for one in record.copies if one.kind == "HtoD pageable"]
    taken = sum(one.total for one in pageable)
    held = max(taken, record.phase("copies"))
    hurts = min(record.share(held), max(record.idle, record.share(taken)))
    if not pageable or hurts < 0.05:
        return
    size = sum(one.size for one in pageable)
    each = f", {size / record.count / 2**20:.1f} MiB" if size else ""
    place = max(pageable, key=lambda one: one.total).place
    yield Diagnosis(
        f"copies to the GPU from pageable memory take {time(record.a_step(held))} a step{each}: {percent(hurts)} of it",
        at=at(place),
        evidence=within(place),
        weight=hurts,
    )
