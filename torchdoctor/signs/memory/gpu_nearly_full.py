"""A run that fits by a hair. Silent where only the cache of the allocator is large: it is given back when needed."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import size_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.step_record import WatchRecord

_FULL = 0.95


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    peaks = [(one.peak, one) for one in watch.steps if one.peak is not None]
    if not watch.total or not peaks:
        return
    peak = max(size for size, _ in peaks)
    step = next(one for size, one in peaks if size == peak)
    if peak < _FULL * watch.total:
        return
    retries = max((one.retries or 0 for one in watch.samples), default=0)
    yield Diagnosis(
        f"{size_text(peak)} of the GPU's {size_text(watch.total)} were allocated by step {step.number}: "
        f"{size_text(max(watch.total - peak, 0))} are left",
        cures=(
            "a smaller batch with gradient accumulation: the longest batch is perhaps still to come",
            "`torch.utils.checkpoint` on the blocks, or bf16 autocast, which halve what is saved for backward and more",
        ),
        evidence=(
            *((f"the batch of the step was {step.shape}",) if step.shape not in ("", "various") else ()),
            *((f"the allocator has {retries} times given back its cache to find room: each time the GPU stands still",)
              if retries else ()),
        ),
        weight=0.5,  # it may end the run
    )  # fmt: skip
