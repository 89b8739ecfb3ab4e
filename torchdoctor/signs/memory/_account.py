"""The account in the text of an out-of-memory error: who holds how much of the GPU."""

from __future__ import annotations

import re

_SIZE = r"([\d.]+ (?:bytes|[KMGT]iB))"
_BYTES = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_FACTS = {
    "asked": rf"Tried to allocate {_SIZE}",
    "total": rf"(?:total capacity of {_SIZE}|{_SIZE} total capacity)",
    "free": rf"(?:of which {_SIZE} is free|{_SIZE} free)",
    "own": rf"this process has {_SIZE} memory in use",
    "torch": rf"(?:{_SIZE} is allocated by PyTorch|{_SIZE} already allocated)",
    "idle": rf"{_SIZE} is reserved by PyTorch but unallocated",
    "reserved": rf"{_SIZE} reserved in total by PyTorch",
}


def account(message: str) -> dict[str, int]:
    """Bytes by what they are: asked, total, free, own, torch, idle, reserved; what is not told is left out."""
    return {name: size for name, pattern in _FACTS.items() if (size := _size(pattern, message)) is not None}


def _size(pattern: str, message: str) -> int | None:
    found = re.search(pattern, message)
    text = next((group for group in found.groups() if group), None) if found is not None else None
    if text is None:
        return None
    number, unit = text.split()
    return int(float(number) * _BYTES[unit])


def text(size: int | None) -> str:
    unit = next((name for name in ("GiB", "MiB", "KiB") if (size or 0) >= _BYTES[name]), "bytes")
    return f"{(size or 0) / _BYTES[unit]:.4g} {unit}"
