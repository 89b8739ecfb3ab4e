"""What the steps print or log takes a part of their time that shows."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "print", 0.05)
    if found is None:
        return
    share = record.share(found.total)
    taken = f"{time(record.a_step(found.total))}, {percent(share)}"
    yield Diagnosis(
        f"printing and logging take {taken} of the step: {times(record, found.calls)}",
        at=at(found.place),
        evidence=within(found.place),
        weight=share,
    )
