"""How much memory the process and its GPU use, read as cheaply as there is a way to. Nothing here raises.

For each step of a watch: microseconds. What limits the process is asked once, of ``host``, when memory was refused.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter as clock
from typing import Any, NamedTuple

_PAGE = 4096
_SEARCHED_EVERY_S = 0.1  # between two times of asking whether an accelerator is in use


class Use(NamedTuple):
    """Bytes; None for what cannot be read. ``retries`` counts how often the allocator had to give back its cache."""

    rss: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    peak: int | None = None
    retries: int | None = None


class ResidentSize:
    """The resident size of this process."""

    def __init__(self) -> None:
        self._file = -1
        self._process: Any = None
        try:
            self._page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else _PAGE
            self._file = os.open("/proc/self/statm", os.O_RDONLY)
        except (OSError, ValueError):
            psutil = _psutil()
            self._process = psutil.Process() if psutil is not None else None

    def read(self) -> int | None:
        try:
            if self._file >= 0:
                return int(os.pread(self._file, 128, 0).split()[1]) * self._page
            return int(self._process.memory_info().rss) if self._process is not None else None
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _psutil() -> Any:
    try:
        import psutil

        return psutil
    except Exception:
        return None


def private_size(process: int) -> int | None:
    """What another process holds for itself alone; None where the system does not tell."""
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            rows = [row.split() for row in file if row.startswith(("Private_Dirty:", "Private_Clean:"))]
        return sum(int(row[1]) for row in rows) * 1024
    except (OSError, ValueError, IndexError):
        return None


class DeviceMemory:
    """The allocator of the accelerator that the program uses, once it does use one."""

    def __init__(self) -> None:
        self._kind = ""
        self.index = 0
        self._search = 0.0

    def read(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Allocated, reserved, their peak, and retries. Reads counters only, and never resets one."""
        torch = sys.modules.get("torch")
        if torch is None or not (self._kind or (self._search < clock() and self._found(torch))):
            return None, None, None, None
        try:
            if self._kind == "mps":
                return torch.mps.current_allocated_memory(), torch.mps.driver_allocated_memory(), None, None
            stats = getattr(torch, self._kind).memory_stats_as_nested_dict(self.index)
            allocated = stats["allocated_bytes"]["all"]
            reserved = stats["reserved_bytes"]["all"]
            return (
                int(allocated["current"]),
                int(reserved["current"]),
                int(allocated["peak"]),
                int(stats.get("num_alloc_retries", 0)),
            )
        except Exception:
            return None, None, None, None

    def _found(self, torch: Any) -> bool:
        """Whether the program has begun to use an accelerator: it is never begun on our account."""
        self._search = clock() + _SEARCHED_EVERY_S
        try:
            for kind in ("cuda", "xpu"):
                module = getattr(torch, kind, None)
                if module is not None and module.is_initialized():
                    self._kind, self.index = kind, module.current_device()
                    return True
            if getattr(torch, "mps", None) is not None and torch.backends.mps.is_available():
                if torch.mps.current_allocated_memory() > 0:
                    self._kind = "mps"
                    return True
        except Exception:
            return False
        return False

    def described(self) -> tuple[str, int | None]:
        """ "cuda:0 NVIDIA H200" and its size in bytes; "cpu" and None where there is none."""
        torch = sys.modules.get("torch")
        if torch is None or not self._kind:
            return "cpu", None
        try:
            if self._kind == "mps":
                return "mps", int(torch.mps.recommended_max_memory())
            facts = getattr(torch, self._kind).get_device_properties(self.index)
            return f"{self._kind}:{self.index} {facts.name}", int(facts.total_memory)
        except Exception:
            return self._kind, None

    @property
    def place(self) -> str:
        """The device as torch writes it: "cuda:0", "mps"."""
        return self._kind if self._kind == "mps" else f"{self._kind}:{self.index}"

    @property
    def name(self) -> str:
        """The device as NVML knows it: its UUID; "" where it has none."""
        torch = sys.modules.get("torch")
        if torch is None or self._kind != "cuda":
            return ""
        try:
            return f"GPU-{torch.cuda.get_device_properties(self.index).uuid}"
        except Exception:
            return ""
