"""A loader whose workers are started again for each epoch. Silent for persistent workers and for one or two epochs."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.step_record import WatchRecord

_SHARE, _STARTS, _LOST_S = 0.1, 3, 0.3


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
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
        cures=(
            "`persistent_workers=True` in the DataLoader: the workers then live through all epochs",
            "fewer workers, or a longer epoch, where the dataset is small",
        ),
        evidence=(f"{percent(lost, whole)} of the run went into it, until their first batch was there",),
    )
