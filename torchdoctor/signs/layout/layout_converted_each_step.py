"""Tensors are copied into another layout in each step: `contiguous`, channels first to channels last and back."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import Operator, TraceRecord

_SHARE = 0.15


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    copies = [(one, _moved(one)) for one in record.operators]
    taken = sum(time for _, time in copies)
    if record.gpu:
        taken += sum(one.total for one in record.kernels if one.family == "layout")
    share = record.share(taken)
    if share < _SHARE:
        return
    worst = max(copies, key=lambda copy: copy[1])[0] if copies else None
    place = worst.place if worst is not None else None
    yield Diagnosis(
        f"copying tensors into another layout takes {time(record.a_step(taken))} a step, {percent(share)} of it",
        at=at(place),
        evidence=(*((f"sizes {worst.shapes}",) if worst is not None and worst.shapes else ()), *within(place)),
        weight=share,
    )


def _moved(one: Operator) -> float:
    return sum(time for kind, time in one.dtypes.items() if kind.startswith("layout "))
