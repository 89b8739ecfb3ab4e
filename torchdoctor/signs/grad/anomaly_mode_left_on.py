"""Anomaly mode is on: each operation keeps a traceback, and each gradient is looked through for NaN."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    stacks = record.act("stack")
    share = record.share(stacks.total) if stacks is not None else 0.0
    many = stacks is not None and record.a_step(stacks.calls) >= 5 and share >= 0.02
    if record.setup.get("anomaly") is not True and not many:
        return
    taken = (
        f": keeping tracebacks takes {time(record.a_step(stacks.total))} a step, {percent(share)} of it"
        if stacks
        else ""
    )
    place = stacks.place if stacks is not None else None
    yield Diagnosis(
        f"autograd's anomaly mode is on{taken}",
        at=at(place),
        evidence=within(place),
        weight=max(share, 0.1),
    )
