"""Tensors are made of Python numbers in each step, element by element."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    made = costly(record, "tensor", 0.1)
    if made is None or record.a_step(made.total) < 200:
        return
    share = record.share(made.total)
    yield Diagnosis(
        f"`torch.tensor` on Python values takes {time(record.a_step(made.total))} a step, {percent(share)} of it",
        at=at(made.place),
        evidence=(f"it is called {times(record, made.calls)}", *within(made.place)),
        weight=share,
    )
