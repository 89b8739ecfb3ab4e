"""Steps that were warmed up still ask the driver for memory, or give it back: the allocator cannot keep what it has."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, times, within
from torchdoctor.trace_record import TraceRecord

_CALLS = (
    "cudaMalloc",
    "cudaFree",
    "hipMalloc",
    "hipFree",
    "cudaHostAlloc",
    "cuMemCreate",
    "cuMemRelease",
    "cuMemMap",
    "cuMemUnmap",
)


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = [one for one in record.acts if one.name in _CALLS]
    taken, calls = sum(one.total for one in found), sum(one.calls for one in found)
    share = record.share(taken)
    if record.whole or share < 0.03:
        return
    worst = max(found, key=lambda one: one.total)
    emptied = record.act("empty_cache")
    place = emptied.place if emptied is not None else worst.place
    yield Diagnosis(
        f"`{worst.name}` and the like are called {times(record, calls)} and take {time(record.a_step(taken))}, "
        f"{percent(share)} of the step",
        cures=("take `torch.cuda.empty_cache()` out of the loop",) if emptied is not None else (),
        at=at(place),
        evidence=within(place),
        weight=share,
    )
