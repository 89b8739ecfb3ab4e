"""One function of the user's own spends a large part of the step in Python itself, outside of torch.

What is loading, printing, copying and the like has rules of its own, and does not count here."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, together, within
from torchdoctor.trace_record import Place, Timed, TraceRecord

_SHARE = 0.25
_LEAST = 500.0  # microseconds a step
_OTHERS = ("input", "optimizer")


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    found = max(
        (one for one in record.functions if one.phase not in _OTHERS), key=lambda one: one.self_time, default=None
    )
    if found is None or record.a_step(found.self_time) < _LEAST:
        return
    acts = sum(one.self_time for one in record.acts if one.name in _ACTS and together(one.place, found.place))
    own = found.self_time - acts
    hurts = min(record.share(own), record.idle) if record.gpu else record.share(own)
    if hurts < _SHARE:
        return
    place = found.place if found.place is not None and found.place.exact else _line(record, found) or found.place
    function = found.place.function if found.place is not None else found.name
    where = "outside of functions" if function == "<module>" else f"in `{function}`"
    yield Diagnosis(
        f"{time(record.a_step(own))} a step pass in Python itself {where}, {percent(record.share(own))} of it",
        at=at(place),
        evidence=(*_slept(record, own), *_called(found, own), *within(place)),
        weight=hurts,
    )


_ACTS = ("collect", "print", "deepcopy", "save", "load", "item", "list", "tensor", "compile", "stack")
_READS = ("item", "tolist", "numpy", "cpu", "sleep")  # told otherwise


def _slept(record: TraceRecord, own: float) -> Iterator[str]:
    slept = record.spent("sleep")
    if own / 2 < slept <= own * 1.1:
        yield f"`time.sleep` takes {percent(min(slept / own, 1.0))} of it"


def _called(function: Timed, own: float) -> Iterator[str]:
    called, _, path = function.callee.partition(", ")
    if called not in _READS and own / 2 < function.callee_time <= own * 1.1:
        of = f" of `{path}`" if path else ""
        yield f"`{called}`{of} takes {percent(min(function.callee_time / own, 1.0))} of it"


def _line(record: TraceRecord, function: Timed) -> Place | None:
    """The line of that function that was seen most."""
    lines = [one for one in record.lines if one.phase not in _OTHERS and together(one.place, function.place)]
    return max(lines, key=lambda one: one.calls).place if lines else None
