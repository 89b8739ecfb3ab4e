"""Steps that were warmed up compile code: something differs from step to step that a graph is specialized on."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    compiled = costly(record, "compile", 0.05)
    if compiled is None or record.whole:
        return
    share = record.share(compiled.total)
    yield Diagnosis(
        f"torch.compile compiles {times(record, compiled.calls)}: {time(compiled.total)}, {percent(share)} of the time",
        at=at(compiled.place),
        evidence=within(compiled.place),
        weight=share,
    )
