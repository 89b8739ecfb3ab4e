"""Values are read out of tensors one by one, in a loop of Python; or all at once, as a list of Python's numbers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, costly, time, times, together, within
from torchdoctor.trace_record import TraceRecord

READING = ("aten::select", "aten::unbind", "aten::split")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    yield from _listed(record)
    found, truths, printed = record.act("item"), record.operator("aten::is_nonzero"), record.act("print")
    if truths and printed and together(truths.place, printed.place):
        truths = None  # printing a tensor asks of its values; else it is `if tensor:`
    calls = (found.calls if found else 0) + (truths.calls if truths else 0)
    if record.a_step(calls) < 50:
        return
    # With what goes before each read: indexing makes a tensor of every element.
    indexed = sum(one.total for one in record.operators if one.name in READING and one.calls >= calls / 4)
    read = indexed + (found.total if found else 0.0) + (truths.total if truths else 0.0)
    share = record.share(read)
    if share < 0.05:
        return
    place = found.place if found else truths.place if truths else None
    taken = f"{time(record.a_step(read))}, {percent(share)} of the step"
    yield Diagnosis(
        f"values are read out of tensors {times(record, calls)}: {taken}",
        at=at(place),
        evidence=within(place),
        weight=min(share + record.share(record.phase("other")) / 2, 1.0),
    )


def _listed(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "list", 0.1)
    if found is None or found.phase == "input" or record.a_step(found.total) < 300:  # a sampler's order is a list
        return
    share = record.share(found.total)
    yield Diagnosis(
        f"`tolist` makes Python numbers of tensors {times(record, found.calls)}: {time(record.a_step(found.total))}, "
        f"{percent(share)} of the step",
        at=at(found.place),
        evidence=within(found.place),
        weight=min(share + record.share(record.phase("other")) / 4, 1.0),
    )
