"""A few steps of equal shape that take many times as long as the others, and together a good part of the run.

Silent for pauses between steps, for other shapes, for steps that do more (another number of backward passes), and
where they come without a rule: on a machine that is shared any step may have to wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import alike, settled
from torchdoctor.step_record import StepRecord, WatchRecord

_FACTOR, _SHARE, _FEWEST, _LOST_S = 3.0, 0.2, 3, 0.3
_PHASES = {"input": "their wait for input", "forward": "forward", "backward": "backward", "optimizer": "the optimizer"}


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    single = [one for one in alike(settled(watch)) if one.steps == 1]
    usual = Counter((one.backwards, one.batches) for one in single).most_common(1)
    steps = [one for one in single if (one.backwards, one.batches) == usual[0][0]] if usual else []
    if len(steps) < 20:
        return
    middle = median(_time(one) for one in steps)
    slow = [one for one in steps if _time(one) > _FACTOR * middle]
    whole = sum(_time(one) for one in steps)
    lost = sum(_time(one) - middle for one in slow)
    if not _FEWEST <= len(slow) <= len(steps) * 0.4 or lost < _SHARE * whole or lost < _LOST_S:
        return
    every = _period([one.number for one in slow])
    phase = max(_PHASES, key=lambda name: sum(getattr(one, name) for one in slow))
    part = sum(getattr(one, phase) for one in slow) / sum(_time(one) for one in slow)
    if not every and not (phase == "input" and part > 0.5):
        return
    longest = max(slow, key=_time)
    yield Diagnosis(
        f"{len(slow)} of {len(steps)} steps of the same shape take {_FACTOR:.0f} times as long as the others or more"
        + (f": each {every}th" if every else ""),
        cures=(
            *((f"look at what your loop does every {every} steps: logging, saving, a picture, a synchronisation",)
              if every else ()),
            *(("`num_workers` and `prefetch_factor` of the DataLoader: some batches come late",)
              if phase == "input" else ()),
        ),
        evidence=(
            f"they cost {percent(lost, whole)} of the time in steps; {time_text(middle)} is usual, "
            f"step {longest.number} took {time_text(_time(longest))}",
            *((f"most of their time is {_PHASES[phase]}",) if part > 0.5 else ()),
        ),
        weight=min(lost / whole, 1.0),
    )  # fmt: skip


def _time(one: StepRecord) -> float:
    """Without starts of workers and what the garbage collector took: other rules tell of these."""
    return max(one.working - one.starting - one.collecting, 0.0)


def _period(numbers: list[int]) -> int:
    """Every how many steps they come, where that is regular; else 0."""
    gaps = Counter(b - a for a, b in pairwise(numbers))
    gap, often = gaps.most_common(1)[0] if gaps else (0, 0)
    return gap if gap > 1 and often >= max(2, 0.7 * (len(numbers) - 1)) else 0
