"""A card that is none: a stand-in for a GPU's memory and its caching allocator, for machines without one.

The allocator follows torch's own (c10/cuda/CUDACachingAllocator.cpp): sizes in multiples of 512 bytes, pools of small
and of large blocks for each stream, segments of 2 MiB, 20 MiB or steps of 2 MiB, the smallest free block that fits,
split where enough is left, joined with its neighbours when it is freed, and whole free segments given back before it
gives up. While ``Card.simulated()`` is entered every tensor of the program, which lies on the CPU, has a block on the
card, and torch.cuda answers for it. What it raises is torch's own exception with torch's own text.
"""

from __future__ import annotations

import os
import sys
import types
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchdoctor.memory_record import in_blocks, in_segments

MIB = 1 << 20
_SMALL = MIB


@dataclass
class Block:
    address: int
    size: int
    requested: int = 0
    state: str = "inactive"
    frames: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Segment:
    address: int
    size: int
    stream: int
    small: bool
    pool: tuple[int, int]
    blocks: list[Block]


class Refused(Exception):
    """There is no room; the text is torch's."""


@dataclass
class Card:
    """``total`` bytes, of which ``context`` are the driver's, ``beside`` another library's in this process, and
    ``others`` those of other processes."""

    total: int
    context: int = 2 * MIB
    beside: int = 0
    others: tuple[tuple[int, int], ...] = ()
    fraction: float = 1.0
    expandable: bool = False
    container: bool = False
    stream: int = 0
    pool: tuple[int, int] = (0, 0)
    history: bool = False
    segments: list[Segment] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)
    observers: list[Any] = field(default_factory=list)
    peak: int = 0
    retries: int = 0
    ooms: int = 0
    placed: set[int] = field(default_factory=set)
    _next: int = 0x7F0000000000

    # -- the allocator ------------------------------------------------------------------------------------------------

    def allocate(self, requested: int) -> int:
        """The address of a block; raises Refused."""
        size, small = in_blocks(requested), in_blocks(requested) <= _SMALL
        found = self._free_block(size, small)
        if found is None:
            found = self._segment(size, small)
        if found is None and self._released():
            self.retries += 1
            found = self._free_block(size, small) or self._segment(size, small)
        if found is None:
            self.ooms += 1
            self._noted("oom", 0, size, device_free=self.free)
            for observer in self.observers:
                observer(0, in_segments(size), self.total, self.free)
            raise Refused(self._text(in_segments(size)))
        segment, block = found
        rest = block.size - size
        if rest >= (512 if small else _SMALL + 1):
            place = segment.blocks.index(block)
            segment.blocks.insert(place + 1, Block(block.address + size, rest))
            block.size = size
        block.state, block.requested = "active_allocated", requested
        block.frames = _frames() if self.history else []
        self._noted("alloc", block.address, requested, frames=block.frames)
        self.peak = max(self.peak, self.allocated)
        return block.address

    def release(self, address: int) -> None:
        """Free a block, and join it with the free ones beside it."""
        for segment in self.segments:
            for place, block in enumerate(segment.blocks):
                if block.address == address and block.state == "active_allocated":
                    self._noted("free_requested", address, block.requested)
                    self._noted("free_completed", address, block.requested)
                    block.state, block.requested, block.frames = "inactive", 0, []
                    self._joined(segment, place)
                    return

    def _joined(self, segment: Segment, place: int) -> None:
        for left in (place, place - 1):
            if 0 <= left < len(segment.blocks) - 1:
                a, b = segment.blocks[left], segment.blocks[left + 1]
                if a.state == b.state == "inactive":
                    a.size += b.size
                    del segment.blocks[left + 1]

    def _free_block(self, size: int, small: bool) -> tuple[Segment, Block] | None:
        fitting = [
            (block.size, block.address, segment, block)
            for segment in self.segments
            if (segment.stream, segment.small, segment.pool) == (self.stream, small, self.pool)
            for block in segment.blocks
            if block.state == "inactive" and block.size >= size
        ]
        return min(fitting, key=lambda one: one[:2])[2:] if fitting else None

    def _segment(self, size: int, small: bool) -> tuple[Segment, Block] | None:
        wanted = in_segments(size)
        if wanted > self.free or self.reserved + wanted > self.allowed:
            return None
        block = Block(self._next, wanted)
        segment = Segment(self._next, wanted, self.stream, small, self.pool, [block])
        self._next += wanted + 32 * MIB
        self.segments.append(segment)
        self._noted("segment_alloc", segment.address, wanted)
        return segment, block

    def _released(self) -> bool:
        """Give back the segments that are wholly free; of expandable ones also the free pages in their midst."""
        whole = [one for one in self.segments if all(block.state == "inactive" for block in one.blocks)]
        for segment in whole:
            self.segments.remove(segment)
            self._noted("segment_free", segment.address, segment.size)
        freed = bool(whole)
        for segment in self.segments if self.expandable else []:
            for block in [one for one in segment.blocks if one.state == "inactive" and one.size >= 2 * MIB]:
                pages = block.size // (2 * MIB) * 2 * MIB
                block.size -= pages
                segment.size -= pages
                freed = True
                if not block.size:
                    segment.blocks.remove(block)
        return freed

    # -- its numbers --------------------------------------------------------------------------------------------------

    @property
    def reserved(self) -> int:
        return sum(one.size for one in self.segments)

    @property
    def allocated(self) -> int:
        return sum(block.size for one in self.segments for block in one.blocks if block.state == "active_allocated")

    @property
    def allowed(self) -> int:
        return int(self.total * self.fraction)

    @property
    def own(self) -> int:
        return self.reserved + self.context + self.beside

    @property
    def free(self) -> int:
        return max(self.total - self.own - sum(size for _, size in self.others), 0)

    def stats(self) -> dict[str, int]:
        """As torch.cuda.memory_stats gives them."""
        return {
            "allocated_bytes.all.current": self.allocated,
            "allocated_bytes.all.peak": self.peak,
            "active_bytes.all.current": self.allocated,
            "reserved_bytes.all.current": self.reserved,
            "num_alloc_retries": self.retries,
            "num_ooms": self.ooms,
        }

    def snapshot(self) -> dict[str, Any]:
        """As torch.cuda.memory._snapshot gives it."""
        return {
            "segments": [self._shown(one) for one in self.segments],
            "device_traces": [list(self.trace)],
            "allocator_settings": {"expandable_segments": self.expandable},
            "external_annotations": [],
        }

    def _shown(self, segment: Segment) -> dict[str, Any]:
        active = sum(block.size for block in segment.blocks if block.state == "active_allocated")
        return {
            "device": 0,
            "address": segment.address,
            "total_size": segment.size,
            "allocated_size": active,
            "active_size": active,
            "requested_size": sum(block.requested for block in segment.blocks),
            "stream": segment.stream,
            "segment_type": "small" if segment.small else "large",
            "segment_pool_id": segment.pool,
            "is_expandable": self.expandable,
            "frames": [],
            "blocks": [
                {
                    "address": block.address,
                    "size": block.size,
                    "requested_size": block.requested,
                    "state": block.state,
                    "frames": block.frames,
                }
                for block in segment.blocks
            ],
        }

    def _noted(self, action: str, address: int, size: int, **more: Any) -> None:
        if self.history:
            entry = {"action": action, "addr": address, "size": size, "stream": self.stream, "frames": [], **more}
            self.trace.append({**entry, "time_us": len(self.trace)})

    def _text(self, asked: int) -> str:
        pid = 3652628 if self.container else os.getpid()
        processes = "".join(f"Process {one} has {_size(size)} memory in use. " for one, size in self.others)
        own = f"this process has {_size(self.own)} memory in use. "
        told = (
            f"Process {pid} has {_size(self.own)} memory in use. "
            if self.container
            else f"Including non-PyTorch memory, {own}"
        )
        allowed = f"{_size(self.allowed)} allowed; " if self.fraction < 1 else ""
        idle = [(s, b) for s in self.segments for b in s.blocks if b.state == "inactive"]
        pools = sum(block.size for segment, block in idle if segment.pool != (0, 0))
        graphs = f"with {_size(pools)} allocated in private pools (e.g., CUDA Graphs), " if pools else ""
        return (
            f"CUDA out of memory. Tried to allocate {_size(asked)}. GPU 0 has a total capacity of {_size(self.total)} "
            f"of which {_size(self.free)} is free. {processes}{told}{allowed}Of the allocated memory "
            f"{_size(self.allocated + pools)} is allocated by PyTorch, {graphs}and "
            f"{_size(self.reserved - self.allocated - pools)} is reserved by PyTorch but unallocated. If reserved but "
            "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid "
            "fragmentation.  See documentation for Memory Management  "
            "(https://docs.pytorch.org/docs/stable/notes/cuda.html#optimizing-memory-usage-with-pytorch-cuda-alloc-conf)"
        )

    # -- in torch's place ---------------------------------------------------------------------------------------------

    @contextmanager
    def simulated(self) -> Iterator[None]:
        """Every new tensor of the program has a block here, and torch.cuda tells of this card."""
        with ExitStack() as stack:
            for name, answer in self._answers().items():
                stack.enter_context(mock.patch(name, answer, create=True))
            stack.enter_context(_Placed(self))
            yield

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """torch.cuda tells of this card, and new tensors have no block on it: what the probe itself makes."""
        with ExitStack() as stack:
            for name, answer in self._answers().items():
                stack.enter_context(mock.patch(name, answer, create=True))
            yield

    def _answers(self) -> dict[str, Any]:
        properties = mock.Mock(total_memory=self.total)
        properties.name = "simulated card"
        stream = mock.Mock(cuda_stream=self.stream)
        return {
            "torch.cuda.is_initialized": lambda: True,
            "torch.cuda._is_in_bad_fork": lambda: False,
            "torch.cuda.current_device": lambda: 0,
            "torch.cuda.mem_get_info": lambda device=None: (self.free, self.total),
            "torch.cuda.memory_stats": lambda device=None: self.stats(),
            "torch.cuda.memory_snapshot": lambda mempool_id=None, include_traces=True: self.snapshot()["segments"],
            "torch.cuda.memory._snapshot": lambda device=None, **options: self.snapshot(),
            "torch.cuda.get_device_properties": lambda device=None: properties,
            "torch.cuda.get_per_process_memory_fraction": lambda device=None: self.fraction,
            "torch.cuda.get_allocator_backend": lambda: "native",
            "torch.cuda.current_stream": lambda device=None: stream,
            "torchdoctor.probes.saved.device_of": self._device_of,
        }

    def _device_of(self, tensor: Any) -> str:
        """Where a tensor is taken to be: what has a block is on the card."""
        try:
            placed = torch._C.TensorBase.untyped_storage(tensor)._cdata in self.placed
        except Exception:
            placed = False
        return "cuda:0" if placed else "cpu"


def _size(size: int) -> str:
    """As c10's format_size writes it."""
    for unit, name in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << unit:
            return f"{size / (1 << unit):.2f} {name}"
    return f"{size} bytes"


def _frames() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    frame: types.FrameType | None = sys._getframe(3)
    while frame is not None and len(found) < 40:
        found.append({"filename": frame.f_code.co_filename, "line": frame.f_lineno, "name": frame.f_code.co_name})
        frame = frame.f_back
    return found


class _Placed(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives each storage that an operation makes a block on the card, for as long as it lives."""

    def __init__(self, card: Card) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.card = card

    def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else (made,):
            if not isinstance(one, torch.Tensor):
                continue
            try:
                storage = one.untyped_storage()
            except NotImplementedError:  # a sparse tensor lies in several
                continue
            key = storage._cdata
            if key in self.card.placed or not storage.nbytes():
                continue
            refused = ""
            try:
                address = self.card.allocate(storage.nbytes())
            except Refused as error:
                refused = str(error)
            if refused:
                del made, one, storage
                raise torch.OutOfMemoryError(refused)
            self.card.placed.add(key)
            weakref.finalize(storage, self._gone, key, address)
        return made

    def _gone(self, key: int, address: int) -> None:
        self.card.placed.discard(key)
        self.card.release(address)
