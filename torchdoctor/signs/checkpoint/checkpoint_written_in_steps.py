"""Steps that follow each other write checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "save", 0.08)
    if found is None or record.whole:
        return
    share = record.share(found.total)
    taken = f"{time(record.a_step(found.total))}, {percent(share)}"
    yield Diagnosis(
        f"`torch.save` runs {times(record, found.calls)} and takes {taken} of the step",
        at=at(found.place),
        evidence=within(found.place),
        weight=share,
    )
