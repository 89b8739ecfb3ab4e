"""More from step to step: something keeps tensors, or the graphs behind them. Silent where neither the steps before nor
a name that keeps them is known. Of a watched run: what grows after each step, and the name that takes it in."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.finding import Span
from torchdoctor.memory_record import HeldRecord, MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure, on_record
from torchdoctor.signs.memory._keeping import keeps, let_go
from torchdoctor.signs.memory._steps_grow import grown
from torchdoctor.signs.memory._verdict import GROWS, TEXTS, growth, kept, verdict
from torchdoctor.step_record import WatchRecord


@on_record(WatchRecord)
def watched(watch: WatchRecord) -> Iterator[Diagnosis]:
    yield from grown(watch)


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The name that keeps them is told where the frames reach it."""
    rule, memory = verdict(failure)
    if rule != GROWS:
        return
    most, gain = kept(memory), growth(memory)
    evidence = [_steps(memory, gain)] if gain else []
    if most is None:
        yield Diagnosis(
            f"{size_text(gain)} more are allocated at the end of each step; nothing frees them",
            cures=(
                "`losses.append(loss.item())`, and `.detach()` on what outlives a step: a tensor keeps its whole graph",
                "look at lists, dictionaries and attributes that take in a tensor at each step",
            ),
            evidence=tuple(evidence),
        )
        return
    yield Diagnosis(
        keeps(most),
        cures=tuple(let_go(most, memory)),
        evidence=(*evidence, *_others(memory, most)),
        roots=_place(most),
    )


def _steps(memory: MemoryRecord, gain: int) -> str:
    return f"{len(memory.steps)} steps ended with ever more allocated, by {size_text(gain)} each in the mean"


def _others(memory: MemoryRecord, most: HeldRecord) -> Iterator[str]:
    for one in memory.held:
        if one is not most and one.graph and one.count >= 3:
            yield f"`{one.name}` keeps {one.count} more, {size_text(one.bytes + one.graph)} with their graphs"
            return


def _place(most: HeldRecord) -> tuple[Root, ...]:
    if not most.path or not most.line:
        return ()
    turn = "goes on" if most.role == "carried" else "takes one in"
    return (Root(Span(most.path, most.line, 1, most.line, 2), f"`{most.name}` {turn} at each turn"),)
