"""The step waits for its batch: the loader is slower than what is done with it.

Silent where the GPU has work left over that time, and where the wait is the start of workers (a rule of its own)."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, within
from torchdoctor.trace_record import TraceRecord

_SHARE = 0.2
_LEAST = 300.0  # microseconds a step


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    if record.act("multi") is not None and record.share(record.spent("workers")) >= 0.1:
        return
    waited = record.phase("input")
    share = record.share(waited)
    hurts = min(share, record.idle) if record.gpu else share
    if hurts < _SHARE or record.a_step(waited) < _LEAST:
        return
    place = record.seen_in("input") if not _workers(record) else None
    yield Diagnosis(
        f"the step waits {time(record.a_step(waited))} for its batch, {percent(share)} of its {time(record.step_time)}"
        + (f", and the GPU idles for {percent(record.idle)} of the time" if record.gpu else ""),
        cures=tuple(_cures(record, waited)),
        at=at(place),
        evidence=tuple(_evidence(record, waited)) + within(place),
        weight=hurts,
    )


def _workers(record: TraceRecord) -> int | None:
    """Of the loader; None where it is not known. Of several, the one with the fewest is likelier the slow one."""
    loaders = record.setup.get("loaders")
    counts = [one.get("workers") for one in loaders if isinstance(one, dict)] if isinstance(loaders, list) else []
    known = [count for count in counts if isinstance(count, int)]
    if known:
        return min(known)
    if record.act("single") is not None or record.act("fetch") is not None:
        return 0
    return None


def _cures(record: TraceRecord, waited: float) -> Iterator[str]:
    workers, cores = _workers(record), record.setup.get("cores")
    rest = max(record.wall - waited, 1.0)
    # Workers that wait for a disk or a network need no core of their own.
    most = max(cores - 1, 2) if isinstance(cores, int) and record.spent("sleep") < waited / 2 else 16
    if workers == 0:
        needed = ceil(waited / rest) + 1
        each = f"a batch takes {time(record.a_step(waited))} to load, the rest of the step {time(record.a_step(rest))}"
        if needed <= most:
            yield f"give the DataLoader `num_workers={max(needed, 2)}`: {each}, so that they hide it"
        else:
            yield f"give the DataLoader `num_workers={most}`, as many as there are cores to spare: {each}"
            yield f"make loading cheaper: it would take {needed} workers to hide it"
    elif workers:
        needed = ceil(workers * record.wall / rest)
        if needed <= most:
            yield f"raise `num_workers` from {workers} to {needed}"
        yield "make loading cheaper: decode, resize and tokenize once and store the result, or load larger pieces"
    else:
        yield "give the DataLoader more `num_workers`, or make loading cheaper"


def _evidence(record: TraceRecord, waited: float) -> Iterator[str]:
    workers = _workers(record)
    if workers is not None:
        yield (
            "the loader has no workers: it loads while nothing else runs"
            if workers == 0
            else f"the loader has {workers} workers"
        )
    if (slept := record.spent("sleep")) > waited / 2:
        yield f"`time.sleep` takes {percent(slept / waited)} of it"
    if (collated := record.spent("collate")) > waited / 3:
        yield f"putting the samples together takes {percent(collated / waited)} of it"
