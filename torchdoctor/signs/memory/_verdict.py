"""Which of six it is, when a device refuses memory: one verdict for each failure, and each is a rule of its own.

With r what was asked for, D free on the device, F free in PyTorch's segments and L the largest block of them that r may
have: beyond the whole device; a limit of this process's; held by others; growing from step to step; F enough and L not:
in pieces; else the step does not fit.
"""

from __future__ import annotations

from itertools import pairwise

from torchdoctor.memory_record import HeldRecord, MemoryRecord
from torchdoctor.memory_text import memory_of
from torchdoctor.record import Failure

TEXTS = (
    "CUDA out of memory. Allocation was preemptively rejected because it would exceed",
    "out of memory. Tried to allocate",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "HIP error: out of memory",
    "cuda runtime error (2) : out of memory",
    "would exceed allowed memory. (out of memory)",
    "Allocation on device",
    "MPS backend out of memory",
    "Invalid buffer size: {size}",
    "UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY",
)
EXCEEDS, FITS_NOT, PIECES, GROWS, OTHERS, CAP = (
    "request-exceeds-card",
    "step-does-not-fit",
    "fragmented-memory",
    "memory-grows-over-steps",
    "memory-held-by-others",
    "memory-cap-reached",
)
_CONTEXT = 2 << 30  # beyond that, what a process holds outside of PyTorch is no driver's context
_SLACK = 64 << 20


def verdict(failure: Failure) -> tuple[str, MemoryRecord]:
    """The rule that it is, and all that is known of the memory; "" where the text is of none of these."""
    memory = memory_of(failure)
    if memory is None:
        return "", MemoryRecord()
    return _of(memory, failure), memory


def _of(memory: MemoryRecord, failure: Failure) -> str:
    text, asked, total = failure.message, memory.requested, memory.total
    if ("per_process_memory_fraction" in text and asked is None) or "preemptively rejected" in text:
        return CAP
    if "Invalid buffer size" in text or "more than 1EB" in text or (asked and total and asked > total):
        return EXCEEDS
    if asked is None and memory.allocated is None:
        return OTHERS if "out of memory" in text.lower() or "UR_RESULT" in text else ""
    if capped(memory):
        return CAP
    if held_by_others(memory):
        return OTHERS
    if growth(memory) or kept(memory):
        return GROWS
    return PIECES if in_pieces(memory, filling=_filling(memory, failure)) else FITS_NOT


def _filling(memory: MemoryRecord, failure: Failure) -> bool:
    """Whether it fell in a forward pass whose activations are most of what is allocated."""
    backward = failure.calls("backward", "step")
    return not backward and memory.part("saved activations") * 2 > (memory.allocated or 0)


def capped(memory: MemoryRecord) -> bool:
    """Whether the device has the room, and this process may not have it."""
    asked, free = memory.requested, memory.free
    if asked is None or free is None:
        return False
    return free >= asked if memory.allowed is not None else free >= asked * 1.25 + _SLACK


def held_by_others(memory: MemoryRecord) -> bool:
    """Whether other processes, or another library in this one, hold so much that it would fit without them."""
    asked, total, others = memory.requested or 0, memory.total, memory.others or 0
    if total is None or (memory.allocated or 0) > total:  # Windows lends the GPU the machine's memory
        return False
    mine = memory.own if memory.own is not None else memory.reserved or 0
    would_fit = (memory.free or 0) + others + library(memory) >= asked
    return would_fit and (others > min(max(mine, total // 8), total // 4) or library(memory) > 0)


def library(memory: MemoryRecord) -> int:
    """What this process holds on the device beside PyTorch, where that is more than a context; else 0."""
    if memory.own is None or memory.reserved is None:
        return 0
    beside = memory.own - memory.reserved
    return beside if beside > max(_CONTEXT, (memory.total or 0) * 0.15) else 0


def growth(memory: MemoryRecord) -> int:
    """By how much more was allocated at the end of each of the last steps; 0 where it did not grow at every one.

    The first steps make gradients and the optimizer's state: they are passed over. At least three more are wanted, and
    together they must be worth a twentieth of all that is allocated.
    """
    steps = _alike(memory)[2:]
    gains = [later - sooner for sooner, later in pairwise(steps)]
    if len(gains) < 3 or min(gains) <= 0 or sum(gains) < (memory.allocated or steps[-1]) * 0.05:
        return 0
    return sum(gains) // len(gains)


def _alike(memory: MemoryRecord) -> list[int]:
    """What was allocated at the ends of the steps whose batches had the shape that most had."""
    if len(memory.shapes) != len(memory.steps):
        return list(memory.steps)
    usual = max(set(memory.shapes), key=memory.shapes.count, default="")
    return [size for size, shape in zip(memory.steps, memory.shapes, strict=True) if shape == usual]


def kept(memory: MemoryRecord) -> HeldRecord | None:
    """The container or running total that keeps the most, where it is a tenth of what is allocated or more."""
    several = [one for one in memory.held if one.count >= 3 or one.chain >= 3 or one.role == "carried"]
    most = max(several, key=lambda one: one.bytes + one.graph, default=None)
    if most is None or most.bytes + most.graph < (memory.allocated or 0) * 0.1:
        return None
    return most


def in_pieces(memory: MemoryRecord, *, filling: bool = False) -> bool:
    """Whether enough is free in PyTorch's segments, and no block of it is large enough.

    How much was free is the message's to tell: the blocks are looked at when the error has given some back. Some is
    always free between blocks: it is what is wrong only where it is worth an eighth of all, and a quarter while a
    forward pass is ``filling`` the rest with activations.
    """
    asked, idle = memory.requested, memory.idle or 0
    if asked is None or idle < asked or idle < (memory.reserved or 0) / (4 if filling else 8):
        return False
    heap = memory.heap
    return heap is None or not (heap.expandable or heap.usable >= asked)
