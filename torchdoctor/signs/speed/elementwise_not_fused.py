"""Most of the GPU's time goes into operations on single elements, each of which reads and writes memory anew."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trace_record import TraceRecord

_FAMILIES = ("elementwise", "copy", "fill", "dropout", "reduction", "normalization", "softmax")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    single = [one for one in record.kernels if one.family in _FAMILIES]
    taken = sum(one.total for one in single)
    if not record.gpu or record.share(record.busy) < 0.5 or taken < record.busy * 0.5:
        return
    if any(one.family == "fused" for one in record.kernels):
        return
    calls = sum(one.calls for one in single)
    yield Diagnosis(
        f"{percent(taken / record.busy)} of the GPU's time goes into {record.a_step(calls):.0f} small operations a "
        "step that each go through memory",
        evidence=(f"most of it in `{single[0].operator}`",) if single[0].operator else (),
        weight=record.share(taken) / 2,
    )
