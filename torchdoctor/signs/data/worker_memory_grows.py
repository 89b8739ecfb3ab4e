"""Loader workers that hold more and more for themselves. Silent where that levels off or is not known."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import size_text, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import growth
from torchdoctor.step_record import WatchRecord

_LEAST, _FACTOR = 64 << 20, 1.3  # of growth of one worker


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    seen = [one for one in watch.samples if one.workers is not None and one.workers_count]
    # Workers that are started again begin at nothing: the last life of them is looked at.
    start = next((i for i in range(len(seen) - 1, 0, -1) if _each(seen[i].workers, seen[i].workers_count)
                  < 0.5 * _each(seen[i - 1].workers, seen[i - 1].workers_count)), 0)  # fmt: skip
    life = seen[start:]
    points = [(round(one.at * 1000), _each(one.workers, one.workers_count)) for one in life]
    changed = [point for index, point in enumerate(points) if not index or point[1] != points[index - 1][1]]
    pace = growth(changed) * 1000
    if not pace or len(changed) < 6:
        return
    first, last = changed[0][1], changed[-1][1]
    if last - first < _LEAST or last < _FACTOR * first:
        return
    number = life[-1].workers_count
    yield Diagnosis(
        f"each worker of the DataLoader holds more and more for itself: {size_text(first)} became {size_text(last)}",
        cures=(
            "keep what the dataset holds in one array (NumPy, Arrow, a memory map) instead of lists of Python objects: "
            "a forked worker copies every page whose objects it so much as looks at",
            "look for what `__getitem__` stores in `self`: each worker has its own copy of it",
        ),
        evidence=(
            f"{number} workers: {size_text(last * number)} in all, "
            f"{size_text(pace * 60)} more a minute each, over {time_text((changed[-1][0] - changed[0][0]) / 1000)}",
        ),
        weight=1.0,  # it ends the run
    )


def _each(size: int | None, number: int) -> float:
    return (size or 0) / max(number, 1)
