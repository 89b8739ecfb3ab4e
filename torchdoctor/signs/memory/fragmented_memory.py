"""Enough memory that is free, in pieces that are too small. Silent where no piece-work could have made room."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.memory._verdict import PIECES, TEXTS, verdict


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only here do expandable segments help, which torch's own message names each time."""
    rule, memory = verdict(failure)
    if rule != PIECES:
        return
    asked, idle, heap = size_text(memory.requested), size_text(memory.idle), memory.heap
    whole = f"the largest that may be had is {size_text(heap.usable)}" if heap is not None else "none of them holds"
    tail = f", and {asked} were asked for" if heap is not None else f" the {asked} that were asked for"
    cures = list(_cures(memory))
    yield Diagnosis(
        f"{idle} are reserved but lie in pieces: {whole}{tail}", tuple(cures), evidence=tuple(_evidence(memory))
    )


def _cures(memory: MemoryRecord) -> Iterator[str]:
    if memory.heap is not None and memory.heap.elsewhere >= (memory.requested or 0) > memory.heap.usable:
        yield (
            "the free block is of another stream or of a private pool (a CUDA graph): free it there, "
            "or capture with the same pool"
        )
    name = "PYTORCH_HIP_ALLOC_CONF" if memory.device.startswith("hip") else "PYTORCH_CUDA_ALLOC_CONF"
    yield f"`{name}=expandable_segments:True` before Python starts: segments that grow leave no such pieces"
    yield "pad batches to few lengths, or sort them into buckets: blocks of the same sizes are used again"
    yield "`torch.cuda.empty_cache()` between phases of different sizes (training, then evaluation), not in each step"


def _evidence(memory: MemoryRecord) -> Iterator[str]:
    heap = memory.heap
    if heap is not None:
        pieces = ", ".join(size_text(size) for size in heap.largest[:4])
        strength = 1 - heap.usable / heap.free if heap.free else 0.0
        yield f"{heap.segments} segments; the largest free blocks are {pieces} ({strength:.0%} of it is out of reach)"
    if memory.retries:
        yield f"the allocator has emptied its cache and begun anew {memory.retries} times"
