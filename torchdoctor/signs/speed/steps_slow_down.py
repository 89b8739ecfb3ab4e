"""Steps of equal shape that take longer and longer. Silent where shapes differ, and for what slows down and stays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torchdoctor.quantity_text import time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import alike, count, rise, settled
from torchdoctor.step_record import StepRecord, WatchRecord

_FACTOR, _STEPS, _GAIN_S = 1.5, 40, 0.001
_PHASES = {"input": "the wait for input", "forward": "forward", "backward": "backward", "optimizer": "the optimizer"}


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = alike(settled(watch))
    if count(steps) < _STEPS:
        return
    risen = rise([one.working for one in steps])
    if risen is None or risen[1] < _FACTOR * risen[0] or risen[1] - risen[0] < _GAIN_S:
        return
    if not _goes_on(steps):
        return
    phase, gain = max(((name, _gain(steps, name)) for name in _PHASES), key=lambda one: one[1])
    part = f", most of it in {_PHASES[phase]}" if gain > (risen[1] - risen[0]) / 2 else ""
    graphs = steps[-1].graphs or 0
    grown = [one for one in {one.name: one for one in watch.holders}.values() if one.tensors]
    cures = []
    if graphs > 8 or any(one.graph for one in grown):
        cures.append(
            "`.detach()` on what is carried from step to step (a hidden state, a running loss): its graph grows"
        )
    elif grown:
        where = f" at line {grown[0].line}" if grown[0].line else ""
        cures.append(f"give `{grown[0].name}` a bound{where}: each step goes through all that it holds by then")
    if phase == "input":
        cures.append("look at what the dataset does anew for each index: a scan from the beginning, a growing cache")
    cures.append("`torchdoctor profile` on an early and on a late stretch of the run shows which operation has grown")
    yield Diagnosis(
        f"steps take ever longer: {time_text(risen[0])} at first, {time_text(risen[1])} at last{part}",
        cures=tuple(cures),
        evidence=(
            f"over {count(steps):,} steps of the same shape, in each quarter of the run more than before",
            *((f"the graphs of {graphs} losses are alive",) if graphs > 8 else ()),
        ),
        weight=1 - risen[0] / risen[1],
        sure=risen[1] >= 2 * risen[0] or gain > (risen[1] - risen[0]) / 2,
    )


def _goes_on(steps: list[StepRecord]) -> bool:
    """Whether the last quarter is still slower than the one before by a good part of the whole: no single jump."""
    quarters = [part for index in range(4) if (part := steps[len(steps) * index // 4 : len(steps) * (index + 1) // 4])]
    means = [sum(one.working * one.steps for one in part) / count(part) for part in quarters]
    gains = [b - a for a, b in pairwise(means)]
    return max(gains) < 0.8 * sum(gains) and gains[-1] > 0.1 * sum(gains)


def _gain(steps: list[StepRecord], name: str) -> float:
    quarter = max(len(steps) // 4, 1)
    first, last = steps[:quarter], steps[-quarter:]
    early = sum(getattr(one, name) for one in first) / count(first)
    return float(sum(getattr(one, name) for one in last) / count(last) - early)
