"""A step that needs more than the device has: what is left when no request is absurd, nothing leaks, nobody else
holds the memory and it is in one piece."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.memory._made import made
from torchdoctor.signs.memory._plan import in_evaluation, in_foreach, plan
from torchdoctor.signs.memory._verdict import FITS_NOT, TEXTS, verdict


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The account tells what fills the device; the plan follows from it."""
    rule, memory = verdict(failure)
    if rule == FITS_NOT:
        yield Diagnosis(_message(failure, memory), plan(failure, memory), evidence=tuple(_evidence(failure, memory)))


def _message(failure: Failure, memory: MemoryRecord) -> str:
    asked, free = size_text(memory.requested), size_text(memory.free)
    gpu = "the memory that MPS may have" if memory.device == "mps" else "the GPU"
    lent = memory.total is not None and (memory.allocated or 0) > memory.total
    if memory.requested is None:
        return f"{gpu} is full: this process has {size_text(memory.allocated)} allocated"
    what = made(failure, memory)
    lead = f"`{what.code}` makes {what.words}" if what is not None else f"{asked} more were asked for"
    if lent:
        return f"{lead}; {size_text(memory.allocated)} are allocated, more than the {size_text(memory.total)} of {gpu}"
    if memory.free is None:
        return f"{lead}, and {gpu} has no such room left"
    return f"{lead}, and {free} of {gpu} are free"


def _difference(memory: MemoryRecord) -> Iterator[str]:
    """What is other in this step than in those before, where these were watched."""
    if not memory.shapes or not memory.shapes[-1]:
        return
    before = set(", ".join(memory.shapes).split(", "))
    for one in memory.held:
        shape = "x".join(map(str, one.shape or ()))
        if one.role == "input" and one.shape and len(one.shape) > 1 and shape not in before:
            last = f"{memory.shapes[-1]}, and ended with {size_text(memory.steps[-1])} allocated"
            yield f"`{one.name}` is {shape} in this step; the last good one had a batch of {last}"
            return


def _evidence(failure: Failure, memory: MemoryRecord) -> Iterator[str]:
    what = made(failure, memory)
    if what is not None and what.factor:
        yield what.factor
    yield from _difference(memory)
    if in_evaluation(failure, memory):
        yield "the model is in eval mode and gradients are on: each layer saves its input for a backward pass"
    if in_foreach(failure):
        yield "the optimizer steps over lists of tensors at once, and makes whole lists of temporaries"
    if memory.saved:
        most = max(memory.saved, key=lambda one: one.bytes)
        times = f", one of {most.repeated} alike" if most.repeated > 1 else ""
        yield f"`{most.module}` ({most.type}{times}) has saved the most for the backward pass: {size_text(most.bytes)}"
    elif memory.allocated is not None and memory.total is not None:
        yield f"PyTorch itself holds {size_text(memory.allocated)} of {size_text(memory.total)}"
