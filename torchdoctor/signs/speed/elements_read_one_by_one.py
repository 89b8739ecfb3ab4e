"""Values are read out of tensors one by one, in a loop of Python."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, percent, time, times, within
from torchdoctor.trace_record import TraceRecord

READING = ("aten::select", "aten::unbind", "aten::split")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "item", 0.05)
    if found is None or record.a_step(found.calls) < 50:
        return
    # With what goes before each read: indexing makes a tensor of every element.
    indexed = sum(one.total for one in record.operators if one.name in READING and one.calls >= found.calls / 4)
    share = record.share(found.total + indexed)
    taken = f"{time(record.a_step(found.total + indexed))}, {percent(share)}"
    yield Diagnosis(
        f"values are read out of tensors {times(record, found.calls)}: {taken} of the step",
        at=at(found.place),
        evidence=within(found.place),
        weight=min(share + record.share(record.phase("other")) / 2, 1.0),
    )
