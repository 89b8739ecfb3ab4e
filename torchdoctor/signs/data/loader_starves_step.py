"""The step waits for its batch: the loader is slower than what is done with it. In a profiler's trace and in a watch.

Silent where the GPU has work left over that time, and where the wait is the start of workers (a rule of its own)."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled, working
from torchdoctor.signs._trace import at, within
from torchdoctor.signs.data._loading import BEGUN, KEEP_ITERATOR, Loading, begun_each_step
from torchdoctor.step_record import WatchRecord
from torchdoctor.trace_record import TraceRecord

_SHARE, _LEAST_US = 0.2, 300.0  # of some steps, profiled
_WATCHED_SHARE, _WATCHED_LEAST_S, _LOST_S = 0.3, 0.002, 0.5  # of a whole run, in which all else that runs is seen too


@on_record(TraceRecord)
def traced(record: TraceRecord) -> Iterator[Diagnosis]:
    if record.act("multi") is not None and record.share(record.spent("workers")) >= 0.1:
        return
    waited = record.phase("input")
    share = record.share(waited)
    hurts = min(share, record.idle) if record.gpu else share
    if hurts < _SHARE or record.a_step(waited) < _LEAST_US:
        return
    workers, cores = _workers(record), record.setup.get("cores")
    loading = Loading(
        wait=record.a_step(waited) / 1e6,
        rest=record.a_step(record.wall - waited) / 1e6,
        workers=workers,
        cores=cores if isinstance(cores, int) else 0,
        asleep=record.spent("sleep") >= waited / 2,
    )
    place = record.seen_in("input") if not workers else None
    begun = begun_each_step(record) and not workers
    yield Diagnosis(
        loading.message() + (f", and the GPU idles for {percent(record.idle)} of the time" if record.gpu else ""),
        cures=KEEP_ITERATOR if begun else tuple(loading.cures()),
        at=at(place),
        evidence=(*loading.read_by(), *((BEGUN,) if begun else ()), *_parts(record, waited), *within(place)),
        weight=hurts,
    )


def _workers(record: TraceRecord) -> int | None:
    """Of the loader; None where it is not known. Of several, the one with the fewest is likelier the slow one."""
    loaders = record.setup.get("loaders")
    counts = [one.get("workers") for one in loaders if isinstance(one, dict)] if isinstance(loaders, list) else []
    known = [number for number in counts if isinstance(number, int)]
    if known:
        return min(known)
    return 0 if record.act("single") is not None or record.act("fetch") is not None else None


def _parts(record: TraceRecord, waited: float) -> Iterator[str]:
    if (slept := record.spent("sleep")) > waited / 2:
        yield f"`time.sleep` takes {percent(slept / waited)} of it"
    if (collated := record.spent("collate")) > waited / 3:
        yield f"putting the samples together takes {percent(collated / waited)} of it"


@on_record(WatchRecord)
def watched(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = [one for one in settled(watch) if one.batches]
    waited = sum(max(one.input - min(one.starting, one.input), 0.0) for one in steps)
    whole, number = working(steps), max(count(steps), 1)
    if waited < _LOST_S or waited / number < _WATCHED_LEAST_S or waited < _WATCHED_SHARE * whole:
        return
    loader = watch.loader
    workers = loader.workers if loader is not None else None
    loading = Loading(waited / number, max(whole - waited, 0.0) / number, workers, watch.cpus)
    cures = [*loading.cures()]
    if watch.device != "cpu" and loader is not None and not loader.pin_memory:
        cures.append('`pin_memory=True` in the DataLoader and `.to("cuda", non_blocking=True)`: copies beside the step')
    yield Diagnosis(
        loading.message(),
        cures=tuple(cures),
        evidence=(*loading.read_by(), f"{time_text(waited)} went into waiting, in {count(steps):,} steps"),
        weight=waited / whole if whole else 0.0,
    )
