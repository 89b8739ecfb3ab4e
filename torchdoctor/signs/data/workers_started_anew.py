"""A loader whose workers are started again for each epoch, or for each batch: in a profiler's trace and in a watch.

Silent for persistent workers, and for one or two epochs of a watched run: a first start has to be."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import costly, time, within
from torchdoctor.signs.data._loading import KEEP_ITERATOR, begun_each_step
from torchdoctor.step_record import WatchRecord
from torchdoctor.trace_record import TraceRecord

_SHARE, _STARTS, _LOST_S = 0.1, 3, 0.3
_CURES = (
    "`persistent_workers=True` in the DataLoader: the workers then live through all epochs",
    "fewer workers, or a longer epoch, where the dataset is small",
)


@on_record(TraceRecord)
def traced(record: TraceRecord) -> Iterator[Diagnosis]:
    started = costly(record, "workers", _SHARE)
    if started is None or record.act("multi") is None:
        return
    share = record.share(started.total)
    yield Diagnosis(
        f"starting the loader's workers takes {time(started.total)}, {percent(share)} of these {record.count} steps",
        cures=KEEP_ITERATOR if begun_each_step(record) else _CURES,
        evidence=(
            f"they were started {started.calls} {'time' if started.calls == 1 else 'times'}",
            *within(started.place),
        ),
        weight=share,
    )


@on_record(WatchRecord)
def watched(watch: WatchRecord) -> Iterator[Diagnosis]:
    loader = watch.loader
    if loader is None or loader.persistent or not loader.workers or loader.starts < _STARTS:
        return
    lost = sum(one.starting for one in watch.steps)
    whole = watch.seconds
    if watch.steps:  # the program's start, and the first one of the workers, have to be
        lost, whole = lost - watch.steps[0].starting, whole - watch.steps[0].seconds
    if lost < _LOST_S or lost < _SHARE * whole:
        return
    each = lost / (loader.starts - 1)
    yield Diagnosis(
        f"the {loader.workers} workers of the loader were started {loader.starts} times: {time_text(each)} each time",
        cures=_CURES,
        evidence=(f"{percent(lost, whole)} of the run went into it, until their first batch was there",),
        weight=min(lost / whole, 1.0) if whole > 0 else 0.0,
    )
