"""A rank that all others wait for. Steps take equally long on all ranks, because backward waits for the slowest: it
shows in what comes before backward, and in traces by the collectives, in which all others wait. Silent where the ranks
take turns in being last."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled, working
from torchdoctor.signs._trace import at, time
from torchdoctor.signs.distributed._late import cures, late
from torchdoctor.step_record import RanksRecord, StepRecord
from torchdoctor.trace_record import RanksTraceRecord

_FACTOR, _SHARE, _STEPS, _GAIN_S = 1.3, 0.1, 10, 0.002
_PARTS = {"pause": "the time between steps", "input": "the wait for input", "forward": "forward"}


@on_record(RanksTraceRecord)
def traced(run: RanksTraceRecord) -> Iterator[Diagnosis]:
    found = late(run)
    if found is None:
        return
    others = found.others
    comes = "comes" if len(found.ranks) == 1 else "come"
    waiting = f"the other {len(others)} wait" if len(others) > 1 else f"rank {others[0].rank} waits"
    yield Diagnosis(
        f"{found.who} {comes} {time(found.lost)} a step late to the collectives, and {waiting} in them",
        cures=tuple(cures(found.part, found.who)),
        at=at(found.ranks[0].seen_in(found.part)) if found.part not in ("computing", "idle") else None,
        evidence=tuple(found.shown()),
        weight=found.lost / found.wall,
    )


@on_record(RanksRecord)
def watched(run: RanksRecord) -> Iterator[Diagnosis]:
    steps = {one.rank: settled(one) for one in run.ranks}
    if len(steps) < 2 or any(count(own) < _STEPS for own in steps.values()):
        return
    own = {rank: _before_backward(found) for rank, found in steps.items()}
    slowest = max(own, key=lambda rank: own[rank])
    others = [time for rank, time in own.items() if rank != slowest]
    usual = median(others)
    whole = working(steps[slowest]) / count(steps[slowest])
    lost = own[slowest] - usual
    if lost < _GAIN_S or own[slowest] < _FACTOR * usual or lost < _SHARE * whole or not _always(steps, slowest):
        return
    part, gain = max(((name, _mean(steps[slowest], name) - median(_mean(found, name) for rank, found in steps.items()
                       if rank != slowest)) for name in _PARTS), key=lambda one: one[1])  # fmt: skip
    waiting = f"the other {len(others)} wait" if len(others) > 1 else "the other waits"
    yield Diagnosis(
        f"rank {slowest} is {time_text(lost)} a step behind: {waiting} for it in backward",
        cures=tuple(cures(part, f"rank {slowest}")),
        evidence=(
            f"before backward it takes {time_text(own[slowest])}, {'the others' if len(others) > 1 else 'the other'} "
            f"{time_text(usual)}"
            + (f"; {time_text(gain)} of that in {_PARTS[part]}" if gain > lost / 2 else ""),
            f"{percent(lost, whole)} of every rank's step is lost",
        ),
    )  # fmt: skip


def _before_backward(steps: list[StepRecord]) -> float:
    return _mean(steps, "input") + _mean(steps, "forward") + _mean(steps, "pause")


def _mean(steps: list[StepRecord], name: str) -> float:
    return float(sum(getattr(one, name) for one in steps)) / max(count(steps), 1)


def _always(steps: dict[int, list[StepRecord]], slowest: int) -> bool:
    """Whether it is behind in most fifths of the run, and not by one long pause."""
    behind = 0
    for index in range(5):
        parts = {rank: own[len(own) * index // 5 : len(own) * (index + 1) // 5] for rank, own in steps.items()}
        times = {rank: _before_backward(part) for rank, part in parts.items()}
        behind += max(times, key=lambda rank: times[rank]) == slowest
    return behind >= 4
