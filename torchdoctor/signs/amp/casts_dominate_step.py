"""Converting tensors between number formats takes a large part of the step."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import Operator, TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    casts = {one.name: _cast(one) for one in record.operators}
    taken = sum(casts.values())
    share = record.share(taken)
    if share < 0.15:
        return
    worst = max(record.operators, key=lambda one: casts[one.name])
    kind = max((kind for kind in worst.dtypes if kind.startswith("cast ")), key=lambda kind: worst.dtypes[kind])
    yield Diagnosis(
        f"converting tensors takes {time(record.a_step(taken))} a step, {percent(share)} of it, most of it from "
        f"{kind.removeprefix('cast ')}",
        at=at(worst.place),
        evidence=(*((f"sizes {worst.shapes}",) if worst.shapes else ()), *within(worst.place)),
        weight=share,
    )


def _cast(one: Operator) -> float:
    return sum(time for kind, time in one.dtypes.items() if kind.startswith("cast "))
