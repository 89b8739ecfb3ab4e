"""The gradient of an embedding is written out for all rows, of which the batch has few."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    dense = record.operator("aten::embedding_dense_backward")
    if dense is None:
        return
    # Its own time, with the zeros that it begins with; on a GPU what it launched.
    taken = dense.kernels if record.gpu else dense.total
    share = record.share(taken)
    if share < 0.12:
        return
    looked = record.operator("aten::embedding")
    yield Diagnosis(
        f"the dense gradient of an embedding takes {time(record.a_step(taken))} a step, {percent(share)} of it",
        at=at(looked.place) if looked is not None else None,
        evidence=(
            *((f"sizes {looked.shapes}",) if looked and looked.shapes else ()),
            *within(looked.place if looked else None),
        ),
        weight=share,
    )
