"""More from step to step: something keeps tensors, or the graphs behind them. Silent where neither the steps before nor
a name that keeps them is known. Of a watched run: what grows after each step, and the name that takes it in."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.finding import Span
from torchdoctor.memory_record import HeldRecord, MemoryRecord, size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure, on_record
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
        _message(most),
        cures=tuple(_cures(most)),
        evidence=(*evidence, *_others(memory, most)),
        roots=_place(most),
    )


def _message(most: HeldRecord) -> str:
    whole = size_text(most.bytes + most.graph)
    if most.chain >= 3 and most.count == 1:
        return f"`{most.name}` was added to {most.chain} times, and keeps the graph of every time: {whole}"
    if most.graph > most.bytes:
        return f"`{most.name}` keeps {most.count} tensors, and the graphs behind them: {whole}"
    return f"`{most.name}` keeps {most.count} tensors on the GPU: {whole}"


def _cures(most: HeldRecord) -> Iterator[str]:
    scalar = most.shape == ()
    if most.graph > most.bytes:
        number = "`.item()`" if scalar else "`.detach()`"
        where = f" in line {most.line}" if most.line else ""
        yield f"{number} on what goes into `{most.name}`{where}: then it keeps the value without its graph"
        if not scalar:
            yield f"`.detach().cpu()`, where `{most.name}` has to grow: the machine has more memory than the GPU"
    else:
        apart = "`.detach().cpu()`" if most.grad_fn else "`.cpu()`"
        yield f"{apart} on what goes into `{most.name}`, or keep the number that is wanted, not the tensor"
        yield f"empty `{most.name}` once it is done with"


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
    return (Root(Span(most.path, most.line, 1, most.line, 2), f"`{most.name}` takes one in at each turn"),)
