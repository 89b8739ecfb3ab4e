"""The host waits for the GPU in the step, and the GPU then has nothing to do until the host has caught up.

A wait that costs nothing is no ailment: where the GPU did not idle after it, nothing is said."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, times, within
from torchdoctor.trace_record import Sync, TraceRecord

_CAUSES = {
    "aten::_local_scalar_dense": "`.item()` (or `float(...)`, `if tensor:`, printing a tensor)",
    "aten::item": "`.item()` (or `float(...)`, `if tensor:`, printing a tensor)",
    "aten::nonzero": "indexing with a mask, or `nonzero`",
    "aten::masked_select": "`masked_select`",
    "aten::index": "indexing with a mask",
    "aten::index_put_": "assignment to a mask",
    "aten::unique_dim": "`unique`",
    "aten::_unique2": "`unique`",
    "aten::copy_": "a copy to the host, or from pageable memory",
    "aten::_to_copy": "a copy to the host, or from pageable memory",
    "aten::repeat_interleave": "`repeat_interleave` without `output_size`",
    "": "`synchronize()`",
}


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    idled = sum(sync.idled for sync in record.syncs)
    if not record.gpu or record.share(idled) < 0.05:
        return
    worst = max(record.syncs, key=lambda sync: sync.idled)
    calls = sum(sync.calls for sync in record.syncs)
    yield Diagnosis(
        f"the host waits for the GPU {times(record, calls)}, and the GPU then idles for {time(record.a_step(idled))}, "
        f"{percent(record.share(idled))} of the step",
        at=at(worst.place),
        evidence=(*_evidence(worst), *within(worst.place)),
        weight=record.share(idled),
    )


def _evidence(worst: Sync) -> tuple[str, ...]:
    cause = _CAUSES.get(worst.operator, f"`{worst.operator}`")
    return (f"most of it after {cause}: `{worst.call}`",)
