"""Python's garbage collector at work in the steps: in a profiler's trace where they call it, in a watch also where it
runs by itself. Silent where it takes little of them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled
from torchdoctor.signs._trace import at, costly, time, times, within
from torchdoctor.step_record import WatchRecord
from torchdoctor.trace_record import TraceRecord

_CALLED, _SHARE, _LOST_S = 0.05, 0.1, 0.3
_TAKE_OUT = "take `gc.collect()` out of the loop: tensors are freed without it, as soon as no name holds them"


@on_record(TraceRecord)
def traced(record: TraceRecord) -> Iterator[Diagnosis]:
    found = costly(record, "collect", _CALLED)
    if found is None:
        return
    share = record.share(found.total)
    taken = f"{time(record.a_step(found.total))}, {percent(share)}"
    yield Diagnosis(
        f"`gc.collect()` runs {times(record, found.calls)} and takes {taken} of the step",
        cures=(_TAKE_OUT,),
        at=at(found.place),
        evidence=within(found.place),
        weight=share,
    )


@on_record(WatchRecord)
def watched(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = settled(watch)
    spent, whole = sum(one.collecting for one in steps), sum(one.seconds for one in steps)
    if spent < _LOST_S or spent < _SHARE * whole:
        return
    often = sum(one.steps for one in steps if one.collecting / one.steps > 0.5 * spent / count(steps))
    explicit = often > 0.8 * count(steps)
    each = time_text(spent / count(steps))
    yield Diagnosis(
        f"the garbage collector of Python takes {percent(spent, whole)} of the steps: {each} a step",
        cures=(
            *((_TAKE_OUT,) if explicit else ()),
            "`gc.freeze()` after everything is built: what is there then is looked through no more",
            "`gc.disable()` in the loop, and `gc.collect()` once an epoch",
        ),
        evidence=(f"{time_text(spent)} in {count(steps):,} steps" + (", about the same in each" if explicit else ""),),
        weight=min(spent / whole, 1.0),
    )
