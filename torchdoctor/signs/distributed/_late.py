"""Which ranks come late to the collectives, by the traces of all: who comes early is in them for longer, and waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from torchdoctor.signs._trace import time
from torchdoctor.trace_record import ENOUGH, RanksTraceRecord, TraceRecord, TraceStep

_SHARE, _LEAST, _FACTOR, _OFTEN = 0.1, 500.0, 1.3, 0.8
_PARTS = {
    "input": "the wait for input takes",
    "copies": "copies to the GPU take",
    "forward": "forward takes",
    "backward": "backward takes",
    "optimizer": "the optimizer takes",
    "other": "Python takes",
    "computing": "the GPU computes for",
    "idle": "the GPU has nothing to do for",
}


@dataclass(frozen=True)
class Late:
    """In microseconds a step. ``part`` is what takes the late ranks longer, "" where no part stands out."""

    ranks: tuple[TraceRecord, ...]
    others: tuple[TraceRecord, ...]
    lost: float
    wall: float
    waits: tuple[float, float]  # in collectives: the late ranks', the others'
    part: str = ""
    takes: tuple[float, float] = (0.0, 0.0)

    @property
    def who(self) -> str:
        names = [str(one.rank) for one in self.ranks]
        return f"rank {names[0]}" if len(names) == 1 else f"ranks {', '.join(names[:-1])} and {names[-1]}"

    def shown(self) -> Iterator[str]:
        """The numbers that bear it out."""
        elsewhere = "on the others" if len(self.others) > 1 else f"on rank {self.others[0].rank}"
        own, theirs = map(time, self.waits)
        yield f"collectives take {own} of {time(self.wall)} a step on {self.who}, {theirs} {elsewhere}"
        if self.part:
            own, theirs = map(time, self.takes)
            yield f"{_PARTS[self.part]} {own} a step on {self.who}, {theirs} {elsewhere}"


def late(run: RanksTraceRecord) -> Late | None:
    """None where no rank is late, they take turns, or the ranks do not take part in the same collectives."""
    steps, numbers = run.steps, range(len(run.ranks))
    if len(steps) < ENOUGH or any(one.communicating <= 0 for step in steps for one in step):
        return None
    if any(len({one.collectives for one in step}) > 1 for step in steps):
        return None  # pipelines and groups: one waits for another by design
    wait = [sum(step[rank].communicating for step in steps) / len(steps) for rank in numbers]
    longest = max(wait)
    slow = [rank for rank in numbers if wait[rank] - min(wait) <= (longest - min(wait)) / 4]
    fast = [rank for rank in numbers if rank not in slow]
    if not fast:
        return None
    own, theirs = _mean(wait, slow), median(wait[rank] for rank in fast)
    lost, wall = theirs - own, sum(one.wall for step in steps for one in step) / len(steps) / len(run.ranks)
    if lost < max(_SHARE * wall, _LEAST) or theirs < _FACTOR * own:
        return None
    behind = sum(_lag(step, slow, fast) >= lost / 3 for step in steps)
    if behind < _OFTEN * len(steps):
        return None
    part, takes = _part(steps, slow, fast, lost)
    return Late(_of(run, slow), _of(run, fast), lost, wall, (own, theirs), part, takes)


def _lag(step: Sequence[TraceStep], slow: Sequence[int], fast: Sequence[int]) -> float:
    times = [one.communicating for one in step]
    return median(times[rank] for rank in fast) - _mean(times, slow)


def _part(
    steps: Sequence[Sequence[TraceStep]], slow: Sequence[int], fast: Sequence[int], lost: float
) -> tuple[str, tuple[float, float]]:
    """What takes the late ranks longer by most of what they are late."""
    found = {}
    for part in _PARTS:
        times = [sum(_time(step[rank], part) for step in steps) / len(steps) for rank in range(len(steps[0]))]
        found[part] = (_mean(times, slow), median(times[rank] for rank in fast))
    gain = {part: own - theirs for part, (own, theirs) in found.items()}
    # Who waits for others on the GPU shows that on the host somewhere: what the GPUs do tells more.
    computing, idle = gain.pop("computing"), gain.pop("idle")
    part = "computing" if computing > lost / 2 else max(gain, key=lambda part: gain[part])
    if part != "computing" and gain[part] <= lost / 3:
        part = "idle" if idle > lost / 2 else ""
    return part, found.get(part, (0.0, 0.0))


def _time(step: TraceStep, part: str) -> float:
    if part == "idle":
        return step.wall - step.busy if step.busy else 0.0
    return step.computing if part == "computing" else step.phases.get(part, 0.0)


def _mean(times: Sequence[float], ranks: Sequence[int]) -> float:
    return sum(times[rank] for rank in ranks) / len(ranks)


def _of(run: RanksTraceRecord, ranks: Sequence[int]) -> tuple[TraceRecord, ...]:
    return tuple(run.ranks[rank] for rank in ranks)


def cures(part: str, rank: str) -> Iterator[str]:
    """What to do where this part is what takes a rank longer."""
    if part in ("input", "copies"):
        yield "give every rank as much data: `DistributedSampler(..., drop_last=True)`, batches sorted by length"
        yield f"look at the disk and the cores of {rank}: its batches come late"
    elif part in ("computing", "forward", "backward"):
        yield "give every rank batches of the same size, by tokens or pixels and not by samples"
        yield f"look whether {rank} has a slower or hotter device, or shares it: `nvidia-smi -q -d PERFORMANCE`"
    else:
        yield f"look at what {rank} alone does in the loop: logging, saving, validation"
    yield f"look for what else runs on the machine of {rank}"
