"""What a device and its caching allocator tell at an out-of-memory error, in plain numbers.

Asked only where the program itself has begun the device: nothing here makes a context, allocates, or waits for a
kernel. Where the device answers no more, it is asked nothing further.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchdoctor.memory_record import HeapRecord, LineRecord, ProcessRecord
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import loaded

_LARGEST = 8
_SMALL_REQUEST = 2 << 20  # what is told of a request for the pool of small blocks


def device_module(kind: str) -> Any:
    """torch.cuda (which speaks for HIP too) or torch.xpu, where the program has begun it in this process; else None."""
    module = loaded(f"torch.{kind}") if kind in ("cuda", "xpu") else None
    try:
        begun = module is not None and module.is_initialized()
        forked = getattr(module, "_is_in_bad_fork", lambda: False)() if begun else False
    except Exception:
        return None
    return module if begun and not forked else None


def told_by_device(device: str, requested: int | None) -> dict[str, Any]:
    """The fields of a MemoryRecord that the device tells; ``missing`` names what it did not."""
    kind, _, number = device.partition(":")
    module = device_module(kind)
    if module is None:
        return {"missing": ("the device",)} if kind in ("cuda", "xpu") else {}
    ask = _Asker()
    index = int(number) if number.isdigit() else ask("device", module.current_device)
    if type(index) is not int:
        return {"missing": tuple(ask.missing)}
    info = ask("memory", lambda: module.mem_get_info(index))
    if info is None:  # a context that is dead answers nothing, and each question may wait
        return {"missing": tuple(ask.missing)}
    stats = ask("statistics", lambda: module.memory_stats(index)) or {}
    found = {
        "device": f"{kind}:{index}",
        "name": ask("name", lambda: str(module.get_device_properties(index).name)) or "",
        "free": int(info[0]),
        "total": int(info[1]),
        "allocated": stats.get("allocated_bytes.all.current"),
        "reserved": stats.get("reserved_bytes.all.current"),
        "peak": stats.get("allocated_bytes.all.peak"),
        "retries": stats.get("num_alloc_retries"),
        "ooms": stats.get("num_ooms"),
        "allowed": _allowed(ask, module, index, int(info[1])),
        "backend": ask("backend", lambda: str(module.get_allocator_backend())) or "" if kind == "cuda" else "native",
        "processes": _processes(module, index),
    }
    segments = ask("blocks", lambda: _segments(module)) if found["backend"] != "cudaMallocAsync" else None
    if segments is not None:
        stream = ask("stream", lambda: int(module.current_stream(index).cuda_stream)) if kind == "cuda" else 0
        found["heap"] = heap(segments, index, stream or 0, requested)
        found["lines"] = lines(segments, index)
    return {**found, "missing": tuple(ask.missing)}


class _Asker:
    """Asks one question after the other, and notes those that are not answered."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def __call__(self, what: str, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except Exception:
            self.missing.append(what)
            return None


def _allowed(ask: _Asker, module: Any, index: int, total: int) -> int | None:
    fraction = getattr(module, "get_per_process_memory_fraction", None)
    share = ask("limit", lambda: float(fraction(index))) if fraction is not None else None
    return int(share * total) if share is not None and share < 1 else None


def _segments(module: Any) -> list[dict[str, Any]]:
    """The segments without the history of what was allocated before, which may be of gigabytes."""
    try:
        found = module.memory_snapshot(include_traces=False)
    except TypeError:  # torch before 2.10
        found = module.memory_snapshot()
    return list(found)


def _processes(module: Any, index: int) -> tuple[ProcessRecord, ...]:
    """Who is on the device, by NVML, where its Python package is there (torch loads it)."""
    nvml = loaded("pynvml")
    if nvml is None:
        return ()
    import os

    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(module._get_nvml_device_index(index))
        found = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        sizes = [(int(one.pid), one.usedGpuMemory) for one in found]
    except Exception:
        return ()
    here = os.getpid()
    if here not in [pid for pid, _ in sizes]:  # a container has numbers of its own
        return ()
    return tuple(ProcessRecord(pid, int(size), own=pid == here) for pid, size in sizes if size is not None)


def lines(segments: list[dict[str, Any]], device: int) -> tuple[LineRecord, ...]:
    """Which of the user's lines have allocated what is held now: known where the allocator's history is on."""
    found: dict[tuple[str, int, str], tuple[int, int]] = {}
    for segment in segments:
        for block in segment.get("blocks", ()) if segment.get("device", device) == device else ():
            place = _users(block.get("frames") or ()) if block.get("state") == "active_allocated" else None
            if place is not None:
                size, count = found.get(place, (0, 0))
                found[place] = size + int(block["size"]), count + 1
    records = [LineRecord(*place, size, count) for place, (size, count) in found.items()]
    return tuple(sorted(records, key=lambda one: -one.bytes)[:_LARGEST])


def _users(frames: Any) -> tuple[str, int, str] | None:
    """The innermost frame of the user's own code that an allocation was made in; the innermost ones come first."""
    for frame in frames:
        path = str(frame.get("filename", ""))
        if path and not path.startswith(("<", "??")) and path.endswith(".py") and not package_of(path):
            return path, int(frame.get("line", 0)), str(frame.get("name", ""))
    return None


# -- the blocks --------------------------------------------------------------------------------------------------------


def heap(segments: list[dict[str, Any]], device: int, stream: int, requested: int | None) -> HeapRecord:
    """The segments of one device, summed up for a request of one stream (and of no private pool)."""
    small = requested is not None and requested <= _SMALL_REQUEST
    free = usable = elsewhere = private = private_free = blocks = awaiting = 0
    largest: list[int] = []
    own = [one for one in segments if one.get("device", device) == device]
    for segment in own:
        held = segment.get("blocks", ())
        idle = [int(block["size"]) for block in held if block.get("state") == "inactive"]
        awaiting += sum(int(block["size"]) for block in held if block.get("state") == "active_awaiting_free")
        blocks += len(held)
        most = max(idle, default=0)
        if tuple(segment.get("segment_pool_id", (0, 0))) != (0, 0):
            private += int(segment["total_size"])
            private_free += sum(idle)
            elsewhere = max(elsewhere, most)
            continue
        free += sum(idle)
        largest += idle
        if (segment.get("segment_type", "large") == "small") is not small:
            continue
        if segment.get("stream", 0) == stream:
            usable = max(usable, most)
        else:
            elsewhere = max(elsewhere, most)
    return HeapRecord(
        segments=len(own),
        free=free,
        usable=usable,
        elsewhere=elsewhere,
        private=private,
        private_free=private_free,
        blocks=blocks,
        largest=tuple(sorted(largest, reverse=True)[:_LARGEST]),
        expandable=any(one.get("is_expandable") for one in own),
        awaiting=awaiting,
    )
