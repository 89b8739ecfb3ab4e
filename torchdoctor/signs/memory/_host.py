"""What holds the machine's memory, or a limit on it, in words: of a record that was made as it was refused."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import HeldRecord, HostRecord, MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.signs.memory._keeping import keeps, let_go
from torchdoctor.signs.memory._verdict import kept

_MUCH, _MANY = 64 << 20, 1000  # bytes, and tensors with a graph, that a name keeps
_LITTLE = 128 << 20  # of /dev/shm: what a container is given that nobody asked more for


def machine_size(host: HostRecord) -> int | None:
    """What this process may have at the most: the machine's memory, or the limit of its control group."""
    known = [size for size in (host.total, host.limit) if size is not None]
    return min(known, default=None)


def _is_limited(memory: MemoryRecord, host: HostRecord) -> bool:
    """Whether the limit on addresses is what refused it. Python does not tell the size: then that little is left.

    What was taken then may have been given back by now; a machine that has plenty has not refused it.
    """
    if host.address_limit is None:
        return False
    asked = memory.requested if memory.requested is not None else host.address_limit // 10
    return (host.virtual or 0) + asked > host.address_limit or (host.available or 0) > 2 * asked


def reason(memory: MemoryRecord) -> str:
    """Why it was refused: a limit on the process or its control group, or the machine's end; "" where not known."""
    host, asked = memory.host, memory.requested or 0
    if host is None:
        return ""
    if _is_limited(memory, host):
        still = "" if (host.virtual or 0) + asked > (host.address_limit or 0) else " still"
        taken = f"{size_text(host.virtual)} are taken{still}"
        return f"`ulimit -v` holds this process to {size_text(host.address_limit)} of addresses, and {taken}"
    if host.limit is not None and (host.used or 0) + asked > host.limit:
        return f"the control group may have {size_text(host.limit)}, and {size_text(host.used)} of it are taken"
    if host.available is not None and host.total is not None:
        return f"the machine has {size_text(host.total)}, of which {size_text(host.available)} can be had now"
    return ""


def leak(memory: MemoryRecord) -> HeldRecord | None:
    """The name that keeps tensors from step to step, where that is much of what the process holds."""
    most = kept(memory)
    if most is None:
        return None
    held = memory.host.rss if memory.host is not None and memory.host.rss is not None else 0
    heavy = most.bytes + most.graph > max(_MUCH, held * 0.25)
    return most if heavy or (most.count >= _MANY and most.grad_fn) else None


def evidence(memory: MemoryRecord) -> Iterator[str]:
    """What this process and its children hold, and what is short beside."""
    host = memory.host
    if host is None:
        return
    if (one := leak(memory)) is not None:
        yield f"{keeps(one, '')}{f', fed in line {one.line}' if one.line else ''}"
    if host.rss is not None:
        most = f", {size_text(host.peak)} at its most" if host.peak and host.peak > host.rss * 1.05 else ""
        yield f"this process holds {size_text(host.rss)}{most}"
    if host.children:
        yield f"its {host.children} processes (workers of loaders, mostly) hold {size_text(host.children_rss)} more"
    if host.kills:
        yield f"processes of this control group were killed for memory {host.kills} times before"
    if host.shared is not None and host.shared_free is not None and host.shared <= _LITTLE:
        yield f"/dev/shm has {size_text(host.shared)}, {size_text(host.shared_free)} of it free"


def cures(failure: Failure, memory: MemoryRecord) -> Iterator[str]:
    """What makes room, by what is short."""
    host = memory.host or HostRecord()
    if (most := leak(memory)) is not None:
        yield from let_go(most, memory)
    loader = next((one for one in failure.objects if one.kind == "loader"), None)
    workers = loader.facts.get("num_workers") if loader is not None else None
    if _is_limited(memory, host):
        yield "raise it in the shell that starts the program, `ulimit -v unlimited`, or in the scheduler's job"
    elif host.limit is not None and host.total is not None and host.limit < host.total * 0.95:
        yield "more memory for the container or job: `docker run --memory`, the pod's limits, `sbatch --mem`"
    if host.children and host.children_rss > (host.rss or 0) / 2:
        several = isinstance(workers, int) and workers > 1
        told = f"`num_workers={max((workers or 0) // 2, 1)}` instead of {workers}" if several else "fewer workers"
        yield f"{told}: each holds what the dataset keeps in Python objects, and batches ahead"
    yield "where the data is that large: in parts (`split`), from a memory map (`np.memmap`), in a smaller dtype"
    yield "`del` what is done with; in evaluation `with torch.no_grad():`, or graphs pile up in the machine's memory"
