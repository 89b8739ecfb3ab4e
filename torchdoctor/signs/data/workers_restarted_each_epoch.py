"""The loader starts its worker processes inside the profiled steps: they are made anew for each epoch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import costly, time, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    started = costly(record, "workers", 0.1)
    if started is None or record.act("multi") is None:
        return
    share = record.share(started.total)
    yield Diagnosis(
        f"starting the loader's workers takes {time(started.total)}, {percent(share)} of these {record.count} steps",
        evidence=(
            f"they were started {started.calls} {'time' if started.calls == 1 else 'times'}",
            *within(started.place),
        ),
        weight=share,
    )
