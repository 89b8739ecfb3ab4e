"""Steps that wait for their batches. Silent where the waits are short, or are the start of a loader's workers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled, working
from torchdoctor.step_record import LoaderRecord, StepRecord, WatchRecord

_SHARE, _WAIT_S, _LOST_S = 0.3, 0.002, 0.5


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = [one for one in settled(watch) if one.batches]
    waited = sum(max(one.input - min(one.starting, one.input), 0.0) for one in steps)
    whole = working(steps)
    each = waited / max(count(steps), 1)
    if waited < _LOST_S or each < _WAIT_S or waited < _SHARE * whole:
        return
    loader = watch.loader or LoaderRecord()
    read = "in the training process itself" if not loader.workers else f"by {loader.workers} workers"
    step = time_text(whole / count(steps))
    yield Diagnosis(
        f"{percent(waited, whole)} of each step is a wait for its batch: {time_text(each)} of {step}",
        cures=tuple(_cures(watch, loader, each, steps)),
        evidence=(f"batches are read {read}, and training waited {time_text(waited)} for them",),
    )


def _cures(watch: WatchRecord, loader: LoaderRecord, each: float, steps: list[StepRecord]) -> Iterator[str]:
    computing = sum(one.computing * one.steps for one in steps) / max(count(steps), 1)
    spare = max(watch.cpus - 1, 1)
    if not loader.workers:
        # The batch takes as long as the wait; so many workers make one while one step computes.
        wanted = min(max(math.ceil(each / max(computing, 1e-4)) + 1, 2), spare)
        if watch.cpus > 1:
            yield (
                f"`num_workers={wanted}, persistent_workers=True` in the DataLoader: "
                f"{time_text(each)} of reading against {time_text(computing)} of computing"
            )
    elif loader.workers < spare:
        enough = math.ceil(loader.workers * (each + computing) / max(computing, 1e-4))
        yield f"`num_workers={min(enough, spare)}` in place of {loader.workers}: {watch.cpus} cores are there"
    else:
        yield f"{loader.workers} workers for {watch.cpus} cores: make a sample cheaper; more workers would not help"
    yield "do once what each epoch does again: decode, resize and tokenise into files or a memory map"
    if watch.device != "cpu" and not loader.pin_memory:
        yield '`pin_memory=True` in the DataLoader and `.to("cuda", non_blocking=True)`: copies beside the step'
