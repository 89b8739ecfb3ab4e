"""Most of the arithmetic is done in float64, which nothing in training needs."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, within
from torchdoctor.trace_record import Operator, TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    total = record.computed
    double = {one.name: _double(one) for one in record.operators}
    taken = sum(double.values())
    if not total or taken < total * 0.4 or record.share(taken) < 0.2:
        return
    worst = max(record.operators, key=lambda one: double[one.name])
    yield Diagnosis(
        f"{percent(taken / total)} of the arithmetic is done in float64, most of it by `{worst.name}`",
        at=at(worst.place),
        evidence=(*((f"sizes {worst.shapes}",) if worst.shapes else ()), *within(worst.place)),
        weight=record.share(taken) / 2,
    )


def _double(one: Operator) -> float:
    return sum(time for kind, time in one.dtypes.items() if kind == "float64")
