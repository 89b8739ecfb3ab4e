"""The account that stands in the text of an out-of-memory error, of every dialect, and what a probe has found, put
together.

Text: torch 1.0 to 2.x on CUDA, HIP and XPU, the backend cudaMallocAsync, MPS, and the CPU's allocators.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

from torchdoctor.memory_record import MemoryRecord, ProcessRecord
from torchdoctor.record import Failure

_SIZE = r"([\d.]+ ?(?:bytes|[KMGTPE]i?B))"
_SIZES = {
    "requested": rf"Tried to allocate {_SIZE}|^Requested\s*: {_SIZE}|Invalid buffer size: {_SIZE}",
    "total": rf"total capaci?ty of {_SIZE}|{_SIZE} total capacity|^Device limit\s*: {_SIZE}",
    "free": rf"of which {_SIZE} is free|{_SIZE} free[;)]|^Free \(according to CUDA\): {_SIZE}",
    "own": rf"this process has {_SIZE} memory in use",
    "allocated": rf"{_SIZE} is allocated by PyTorch|{_SIZE} already allocated|^Currently allocated\s*: {_SIZE}"
    rf"|MPS allocated: {_SIZE}",
    "idle": rf"{_SIZE} is reserved by PyTorch but unallocated",
    "reserved": rf"{_SIZE} reserved in total by PyTorch",
    "cached": rf"{_SIZE} cached\)",
    "allowed": rf"{_SIZE} allowed; |max allowed: {_SIZE}|memory fraction\)\s*: {_SIZE}",
    "elsewhere": rf"other allocations: {_SIZE}",
    "pools": rf"with {_SIZE} allocated in private pools",
}
_PROCESS = re.compile(rf"[Pp]rocess (\d+) has {_SIZE} memory in use")
_HOST = re.compile(
    r"you tried to allocate (\d+) bytes|Unable to allocate ([\d.]+ ?[KMGTPE]?i?B|[\d.]+ bytes) for an array"
)
_DEVICE = re.compile(r"\bGPU (\d+)\b|Allocation on device (\d+)")
_FACTORS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_KINDS = (
    ("MPS backend out of memory", "mps"),
    ("Invalid buffer size", "mps"),
    ("XPU out of memory", "xpu"),
    ("UR_RESULT_ERROR_OUT_OF", "xpu"),
)
_ABSURD = 1 << 53  # an NVML that knows nothing tells of exbibytes


def size_of(text: str | None) -> int | None:
    """The bytes of "1.50 GiB", "192.00 MB" or "0 bytes" (units are of 1024, whatever they are called)."""
    found = re.fullmatch(r"([\d.]+) ?(?:bytes|([KMGTPE]?)i?B)", text or "")
    if found is None or found[1].count(".") > 1 or found[1] == ".":
        return None
    size = int(float(found[1]) * 1024 ** _FACTORS[found[2] or "B"])
    return size if size < _ABSURD else None


def told_memory(message: str) -> MemoryRecord | None:
    """The record of what a message tells; None where it tells of no memory at all."""
    known = {name: size for name, pattern in _SIZES.items() if (size := _size(pattern, message)) is not None}
    host = _HOST.search(message)
    if host is not None:
        return MemoryRecord(device="cpu", requested=int(host[1]) if host[1] else size_of(host[2]))
    if not known and "out of memory" not in message.lower():
        return None
    allocated, idle = known.get("allocated"), known.get("idle")
    reserved = known.get("reserved")
    if reserved is None and allocated is not None and (idle is not None or "cached" in known):
        reserved = allocated + (idle if idle is not None else known["cached"])
    kind = next((kind for text, kind in _KINDS if text in message), "cuda")
    record = MemoryRecord(
        device=_device(message, kind),
        requested=known.get("requested"),
        total=known.get("total"),
        free=known.get("free"),
        allocated=allocated,
        reserved=reserved,
        own=known.get("own"),
        allowed=known.get("allowed"),
        backend="cudaMallocAsync" if "Free (according to CUDA)" in message else "",
    )
    if kind == "mps":
        record = _of_mps(record, known)
    return _believable(replace(record, processes=_processes(message, record)))


def _of_mps(record: MemoryRecord, known: dict[str, int]) -> MemoryRecord:
    """Of the one memory that all share, what torch may have is the limit; "other allocations" are this process's."""
    own = (record.allocated or 0) + known.get("elsewhere", 0)
    free = max(record.allowed - own, 0) if record.allowed is not None else None
    return replace(record, total=record.allowed, free=free, own=own or None, reserved=record.allocated, allowed=None)


def _size(pattern: str, message: str) -> int | None:
    found = re.search(pattern, message, re.MULTILINE)
    return None if found is None else size_of(next((group for group in found.groups() if group), None))


def _device(message: str, kind: str) -> str:
    found = _DEVICE.search(message)
    number = next((group for group in found.groups() if group), "0") if found is not None else ""
    return kind if kind == "mps" or not number else f"{kind}:{number}"


def _processes(message: str, record: MemoryRecord) -> tuple[ProcessRecord, ...]:
    """The processes that the message names. In a container this one goes by a number that it does not know itself."""
    found = [(int(pid), size_of(size)) for pid, size in _PROCESS.findall(message)]
    known = [(pid, size) for pid, size in found if size is not None]
    if record.own is not None or record.reserved is None:
        return tuple(ProcessRecord(pid, size, own=False if record.own is not None else None) for pid, size in known)
    fitting = [(size - record.reserved, pid) for pid, size in known if size >= record.reserved * 0.99]
    mine = min(fitting)[1] if fitting else None
    return tuple(ProcessRecord(pid, size, own=pid == mine) for pid, size in known)


def _believable(record: MemoryRecord) -> MemoryRecord:
    """Without what cannot be: on WSL and in some containers the driver tells no sizes of processes, or wrong ones."""
    mine = next((one.bytes for one in record.processes if one.own), None)
    own = record.own if record.own is not None else mine
    if own is not None and (
        (record.total is not None and own > record.total * 1.01) or own < (record.reserved or 0) * 0.9
    ):
        own = None
    allowed = record.allowed
    if allowed is not None and record.total is not None and allowed >= record.total:
        allowed = None
    return replace(record, own=own, allowed=allowed)


def memory_of(failure: Failure) -> MemoryRecord | None:
    """All that is known of the memory: what the probe has found, and where it has nothing, what the message tells."""
    told = told_memory(failure.message)
    found = failure.memory
    if found is None or told is None:
        return found or told
    if told.device and found.device and told.device.partition(":")[0] != found.device.partition(":")[0]:
        return told
    gaps: dict[str, Any] = {
        one.name: getattr(told, one.name)
        for one in fields(found)
        if getattr(found, one.name) in (None, "", ()) and getattr(told, one.name) not in (None, "", ())
    }
    return replace(found, **gaps) if gaps else found
