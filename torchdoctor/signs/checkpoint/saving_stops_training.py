"""Training that stands still while checkpoints are written. Silent where that is a small part of the run."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.step_record import WatchRecord

_SHARE, _LOST_S, _TIMES = 0.1, 0.5, 2


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    saving = [one for one in watch.steps if one.saving > 0]
    spent = sum(one.saving for one in saving)
    if len(saving) < _TIMES or spent < _LOST_S or spent < _SHARE * watch.seconds:
        return
    every = watch.count / len(saving)
    yield Diagnosis(
        f"training stands still for {time_text(spent / len(saving))} at each `torch.save`, {len(saving)} times in all",
        cures=(
            f"save more seldom than every {every:,.0f} steps, or only where the validation has become better",
            "`torch.distributed.checkpoint.async_save`: it copies to the host and writes while training goes on",
            "write to a local disk and copy from there: a network folder sets the pace",
        ),
        evidence=(f"{time_text(spent)}, {percent(spent, watch.seconds)} of the time",),
        weight=min(spent / watch.seconds, 1.0) if watch.seconds else 0.0,
    )
