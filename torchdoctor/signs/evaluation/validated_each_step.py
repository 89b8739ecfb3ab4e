"""Each training step is followed by a validation: the model runs again and again without gradients.

Told where a step ends in `eval()`, or begins a DataLoader; a teacher, a frozen backbone or a rollout does neither."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, times, within
from torchdoctor.trace_record import TraceRecord

_SHARE = 0.15


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    trained, inferred = record.act("forward"), record.act("inference")
    if trained is None or inferred is None or record.whole or inferred.calls >= trained.calls:
        return
    if not any(one.name.startswith("step ") for one in record.acts) or record.a_step(inferred.calls) < 2:
        return
    begun = max(_calls(record, "eval"), _calls(record, "workers"))
    share = record.share(inferred.total)
    if record.a_step(begun) < 0.75 or share < _SHARE:
        return
    yield Diagnosis(
        f"each step is followed by a validation: the model runs {times(record, inferred.calls)} without gradients, "
        f"{time(record.a_step(inferred.total))}, {percent(share)} of the step",
        at=at(inferred.place),
        evidence=within(inferred.place),
        weight=share,
    )


def _calls(record: TraceRecord, name: str) -> int:
    act = record.act(name)
    return act.calls if act is not None else 0
