"""What signs ask of the steps of a watched run: those after the warm-up, their times, and whether a series grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from torchdoctor.step_record import StepRecord, WatchRecord

_WARM_UP = 5  # the first steps compile, choose kernels and fill caches
_PARTS = 6


def settled(watch: WatchRecord) -> list[StepRecord]:
    """The records after the warm-up: without the first steps, and without a tenth of a short run."""
    most = max(_WARM_UP, watch.count // 10 if watch.count < 200 else 20)
    return [one for one in watch.steps if one.number - one.steps >= most]


def count(steps: Sequence[StepRecord]) -> int:
    return sum(one.steps for one in steps)


def working(steps: Sequence[StepRecord]) -> float:
    """The time in steps, in seconds, without the pauses between them."""
    return sum(max(one.seconds - one.pause, 0.0) for one in steps)


def alike(steps: Sequence[StepRecord]) -> list[StepRecord]:
    """Those whose batch has the commonest shape, where one is common; else all. Merged ones of several shapes are
    none."""
    shapes = Counter(one.shape for one in steps)
    shape, often = shapes.most_common(1)[0] if shapes else ("", 0)
    if not shape or shape == "various" or often < 3:
        return list(steps) if set(shapes) <= {""} else []
    return [one for one in steps if one.shape == shape]


def parts(values: Sequence[float], number: int = _PARTS) -> list[Sequence[float]]:
    """The series in as many parts of about the same length."""
    bounds = [len(values) * index // number for index in range(number + 1)]
    return [values[a:b] for a, b in pairwise(bounds) if b > a]


def growth(points: Sequence[tuple[int, float]]) -> float:
    """By how much a series of (step, value) grows a step, where it grows all the way; 0.0 where it does not.

    All the way: the least value of each sixth is above that of the sixth before, and the last third still grows by a
    third of the mean pace or more: what fills up and stays has stopped.
    """
    values = [value for _, value in points]
    if len(values) < _PARTS:
        return 0.0
    least = [min(part) for part in parts(values)]
    steps = points[-1][0] - points[0][0]
    rise = least[-1] - least[0]
    if steps <= 0 or any(a >= b for a, b in pairwise(least)):
        return 0.0
    late = least[-1] - least[-3]
    return rise * _PARTS / (_PARTS - 1) / steps if late >= rise / (_PARTS - 1) * 2 / 3 else 0.0


def rise(values: Sequence[float], number: int = 4) -> tuple[float, float] | None:
    """The medians of the first and the last quarter, where each quarter's is above the one's before; else None."""
    if len(values) < 2 * number:
        return None
    middles = [median(part) for part in parts(values, number)]
    if any(a >= b for a, b in pairwise(middles)):
        return None
    return middles[0], middles[-1]
