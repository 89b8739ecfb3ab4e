"""What a device's memory was when a request for more of it failed: plain data, part of a failure's record.

All sizes are bytes; None (or an empty tuple) is what could not be found out. Import these from here: a record of the
failure holds one under ``memory``.
"""

from __future__ import annotations

from dataclasses import dataclass

_SMALL, _SMALL_SEGMENT, _MIDDLE, _MIDDLE_SEGMENT, _LARGE_STEP = 1 << 20, 2 << 20, 10 << 20, 20 << 20, 2 << 20


def in_blocks(size: int) -> int:
    """What the caching allocator takes for a tensor of this many bytes: a multiple of 512."""
    return max((size + 511) // 512, 1) * 512


def in_segments(size: int) -> int:
    """What it asks of the driver where no block is free: 2 MiB up to 1 MiB, 20 MiB below 10 MiB, else steps of 2 MiB.

    The message "Tried to allocate" tells this size, not the tensor's.
    """
    size = in_blocks(size)
    if size <= _SMALL:
        return _SMALL_SEGMENT
    if size < _MIDDLE:
        return _MIDDLE_SEGMENT
    return (size + _LARGE_STEP - 1) // _LARGE_STEP * _LARGE_STEP


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part of the account of where a device's bytes are. ``kind`` is one of ``PARTS``, ``count`` how many tensors
    (or blocks, or processes) it is."""

    kind: str
    bytes: int
    count: int = 0


PARTS = (
    "allocated by PyTorch",  # as a whole: where nothing but the message is known
    "parameters",
    "gradients",
    "optimizer state",
    "inputs",
    "saved activations",
    "other tensors",
    "temporaries",
    "private pools",
    "cached, unused",
    "not PyTorch's",
    "other processes",
    "free",
)


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process on the device; ``own`` is True of this one, None where that is not known."""

    pid: int
    bytes: int
    name: str = ""
    own: bool | None = None


@dataclass(frozen=True, slots=True)
class HeapRecord:
    """The caching allocator's segments, summed up.

    ``usable`` is the largest free block that the request's pool and stream may take; ``elsewhere`` the largest free one
    of other streams and private pools; ``free`` all free bytes in segments, ``private`` the bytes reserved by private
    pools, ``private_free`` the free ones in them. ``largest`` are the largest free blocks, in falling order.
    """

    segments: int
    free: int
    usable: int
    elsewhere: int = 0
    private: int = 0
    private_free: int = 0
    blocks: int = 0
    largest: tuple[int, ...] = ()
    expandable: bool = False
    awaiting: int = 0


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A tensor, or a container of tensors, that the program's names reach.

    ``name`` is what the code calls it, "losses" or "self.cache['keys']"; ``bytes`` its own, ``graph`` those that the
    graphs behind it keep alive beside that. ``count`` is of how many tensors a container is; ``chain`` how many times
    over a running total was added to; the role "carried" is of a tensor that goes with its graph from turn to turn.
    ``line`` in ``path`` is where it is added to, 0 where that was not found. ``done``: no code after the failing line
    of its function reads it.
    """

    name: str
    bytes: int
    role: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    grad_fn: str | None = None
    graph: int = 0
    count: int = 1
    chain: int = 0
    path: str = ""
    line: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class SavedRecord:
    """What the graph has saved for the backward pass of one module. Of these bytes ``batched`` are in tensors whose
    first size is the batch's, ``wide`` in float32, ``scores`` in attention weights over all pairs of positions.
    ``repeated`` tells of how many alike blocks of one list it is one."""

    module: str
    type: str
    bytes: int
    count: int = 0
    batched: int = 0
    wide: int = 0
    scores: int = 0
    repeated: int = 1


@dataclass(frozen=True, slots=True)
class LineRecord:
    """The blocks that a line of the user's has allocated: known only where the allocator's history was on."""

    path: str
    line: int
    function: str
    bytes: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class HostRecord:
    """The machine's own memory as this process sees it.

    ``rss`` is what the process holds in it, ``limit`` and ``used`` are the control group's (``cgroup`` its version),
    ``address_limit`` is ``ulimit -v``; ``shared`` and ``shared_free`` are of /dev/shm; ``children`` of its processes;
    ``maps`` are those that it has of files and memory, and may have.
    """

    total: int | None = None
    available: int | None = None
    rss: int | None = None
    peak: int | None = None
    virtual: int | None = None
    swap_free: int | None = None
    cgroup: int = 0
    limit: int | None = None
    used: int | None = None
    kills: int | None = None
    address_limit: int | None = None
    shared: int | None = None
    shared_free: int | None = None
    children: int = 0
    children_rss: int = 0
    maps: int | None = None
    maps_limit: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """The memory of one device when a request failed. ``device`` is "cuda:0", "xpu:1", "mps", "cpu".

    ``requested`` is the size that was refused, ``allowed`` the limit that this process has been given, ``own`` all that
    it holds on the device, the driver's context included. ``steps`` are the bytes that were allocated at the ends of
    the steps before, oldest first, and ``shapes`` those of their batches ("64x3x32x32, 64"). ``batch`` is the size that
    most inputs begin with. ``settings`` is the allocator's (PYTORCH_CUDA_ALLOC_CONF), ``backend`` "native" or
    "cudaMallocAsync". ``softmax`` tells whose code writes attention's softmax out: "own", or a package's name.
    ``missing`` says what could not be read.
    """

    device: str = ""
    name: str = ""
    requested: int | None = None
    total: int | None = None
    free: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    peak: int | None = None
    own: int | None = None
    allowed: int | None = None
    retries: int | None = None
    ooms: int | None = None
    processes: tuple[ProcessRecord, ...] = ()
    heap: HeapRecord | None = None
    parts: tuple[PartRecord, ...] = ()
    held: tuple[HeldRecord, ...] = ()
    saved: tuple[SavedRecord, ...] = ()
    lines: tuple[LineRecord, ...] = ()
    steps: tuple[int, ...] = ()
    shapes: tuple[str, ...] = ()
    batch: int | None = None
    grad_enabled: bool | None = None
    training: bool | None = None
    autocast: bool | None = None
    softmax: str = ""
    backend: str = ""
    settings: str = ""
    host: HostRecord | None = None
    missing: tuple[str, ...] = ()

    @property
    def idle(self) -> int | None:
        """What PyTorch has reserved and does not use."""
        if self.reserved is None or self.allocated is None:
            return self.heap.free if self.heap is not None else None
        return max(self.reserved - self.allocated, 0)

    @property
    def others(self) -> int | None:
        """What neither this process nor nobody holds; None where the account does not tell."""
        known = sum(one.bytes for one in self.processes if one.own is False)
        if self.total is None or self.free is None:
            return known or None
        mine = self.own if self.own is not None else self.reserved if self.reserved is not None else self.allocated
        return None if mine is None else max(self.total - self.free - mine, 0)

    @property
    def account(self) -> tuple[PartRecord, ...]:
        """Where the bytes of the device are, as far as it is known: the parts, else what the message tells."""
        if self.parts or self.total is None or self.free is None or self.allocated is None:
            return self.parts
        reserved = max(self.reserved or 0, self.allocated)
        own = max(self.own if self.own is not None else reserved, reserved)
        rest = max(self.total - self.free - own, 0)
        found = {
            "allocated by PyTorch": self.allocated,
            "cached, unused": reserved - self.allocated,
            "not PyTorch's": own - reserved + (rest if self.own is None else 0),
            "other processes": rest if self.own is not None else 0,
            "free": self.free,
        }
        return tuple(PartRecord(kind, size) for kind, size in found.items() if size)

    def part(self, kind: str) -> int:
        """The bytes of one part of the account; 0 where it has none."""
        return sum(part.bytes for part in self.parts if part.kind == kind)
