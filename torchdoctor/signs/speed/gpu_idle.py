"""A GPU that has nothing to do for most of the run. Silent without NVML, in short runs, and where the wait is for input
(another rule tells of that) or lies between the steps."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled, working
from torchdoctor.step_record import SampleRecord, StepRecord, WatchRecord

_BUSY, _SAMPLES, _INPUT = 40.0, 20, 0.3


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = settled(watch)
    if not steps or sum(one.input for one in steps) >= _INPUT * working(steps):
        return
    samples = [one for one in _in_steps(watch, steps) if one.gpu is not None]
    if len(samples) < _SAMPLES:
        return
    busy = sum(one.gpu or 0.0 for one in samples) / len(samples)
    if busy >= _BUSY:
        return
    cores = [one.cpu for one in samples if one.cpu is not None]
    kept = sum(cores) / len(cores) if cores else 0.0
    each = working(steps) / count(steps)
    yield Diagnosis(
        f"the GPU is busy for {percent(busy / 100)} of the time in steps, and input is not what it waits for",
        cures=(
            "`torch.compile(model)`, a larger batch or CUDA graphs: the host launches kernels slower than they run",
            "take `.item()`, `.cpu()`, `print(loss)` out of the loop: each waits for the GPU, which then idles",
            "`torchdoctor profile` shows which calls the GPU waits for",
        ),
        evidence=(
            f"{len(samples)} samples of NVML; a step takes {time_text(each)}",
            *((f"the process keeps {kept:.1f} cores busy meanwhile",) if kept >= 0.8 else ()),
        ),
        weight=1 - busy / 100,
    )


def _in_steps(watch: WatchRecord, steps: list[StepRecord]) -> Iterator[SampleRecord]:
    """The samples that were not taken in a pause, nor before the warm-up was over."""
    first = steps[0].at - steps[0].seconds
    for one in watch.samples:
        pausing = any(pause.at <= one.at <= pause.at + pause.seconds for pause in watch.pauses)
        if one.at >= first and not pausing:
            yield one
