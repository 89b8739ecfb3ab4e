"""The machine's own memory as this process sees it: what it holds, what limits it, and what its workers hold.

Read from /proc and from the control group's files on Linux; elsewhere what the standard library tells.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from torchdoctor import control_groups
from torchdoctor.memory_record import HostRecord

T = TypeVar("T")
_NONE = 1 << 60  # control groups write their "no limit" as a number near 2 ** 63
_MOST_CHILDREN = 2000


def host_of() -> HostRecord:
    """The record of this moment. Never raises."""
    memory = _tried(lambda: _table("/proc/meminfo")) or {}
    status = _tried(lambda: _table("/proc/self/status")) or {}
    version, limit, used, kills = _tried(_group) or (0, None, None, None)
    shared = _tried(lambda: os.statvfs("/dev/shm"))
    children = _tried(_children) or []
    return HostRecord(
        total=memory.get("MemTotal"),
        available=memory.get("MemAvailable"),
        swap_free=memory.get("SwapFree"),
        rss=status.get("VmRSS"),
        peak=peak_resident(),
        virtual=status.get("VmSize"),
        cgroup=version,
        limit=limit,
        used=used,
        kills=kills,
        address_limit=_tried(_address_limit),
        shared=shared.f_blocks * shared.f_frsize if shared is not None else None,
        shared_free=shared.f_bavail * shared.f_frsize if shared is not None else None,
        children=len(children),
        children_rss=sum(children),
        maps=_tried(_maps),
        maps_limit=_number("/proc/sys/vm/max_map_count"),
    )


def peak_resident() -> int | None:
    """The most bytes that this process has ever held; None where nobody tells.

    On Linux from /proc: what getrusage says begins at what the process held that started this one.
    """
    status = _tried(lambda: _table("/proc/self/status")) or {}
    return status.get("VmHWM") or _tried(_peak)


def _tried(question: Callable[[], T]) -> T | None:
    try:
        return question()
    except Exception:
        return None


def _table(path: str) -> dict[str, int]:
    """The rows "MemTotal:  1024 kB" of a file, in bytes."""
    found: dict[str, int] = {}
    with open(path, encoding="ascii", errors="replace") as file:
        for row in file:
            name, _, rest = row.partition(":")
            words = rest.split()
            if len(words) == 2 and words[1] == "kB" and words[0].isdigit():
                found[name] = int(words[0]) * 1024
    return found


def _peak() -> int | None:
    """The most that was ever resident: in KiB on Linux, in bytes on macOS."""
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _address_limit() -> int | None:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _maps() -> int:
    with open("/proc/self/maps", "rb") as rows:
        return sum(1 for _ in rows)


def _group() -> tuple[int, int | None, int | None, int | None]:
    """The control group that this process is in: version, limit, use, and how many of it were killed for memory.

    The limit may be that of a group above: the least of all counts.
    """
    return group_in(control_groups.rows(), control_groups.ROOT)


def group_in(rows: list[list[str]], root: str) -> tuple[int, int | None, int | None, int | None]:
    """The same from the rows of /proc/self/cgroup, and where the groups' files lie."""
    for number, controllers, path in (row for row in rows if len(row) == 3):
        if "memory" in controllers.split(","):
            base, names = f"{root}/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
            return _chain(1, base, path, *names, kills="memory.oom_control")
        if number == "0" and not controllers and _tried(lambda: os.path.exists(f"{root}/cgroup.controllers")):
            return _chain(2, root, path, "memory.max", "memory.current", kills="memory.events")
    return 0, None, None, None


def _chain(
    version: int, base: str, path: str, limit_name: str, used_name: str, *, kills: str
) -> tuple[int, int | None, int | None, int | None]:
    found: list[tuple[int, int | None, int | None]] = []
    for group in control_groups.upwards(path):
        folder = f"{base}/{group}"
        limit = _number(f"{folder}/{limit_name}")
        if limit is not None and limit < _NONE:
            found.append((limit, _number(f"{folder}/{used_name}"), _kills(f"{folder}/{kills}")))
    least = min(found, key=lambda one: one[0], default=(None, None, None))
    return (version, *least)


def _number(path: str) -> int | None:
    text = control_groups.text(path)
    return int(text) if text.isdigit() else None


def _kills(path: str) -> int | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            rows = [row.split() for row in file]
    except OSError:
        return None
    return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == "oom_kill" and row[1].isdigit()), None)


def _children() -> list[int]:
    """What each process that this one has started holds in memory."""
    found: list[int] = []
    here = str(os.getpid())
    for name in os.listdir("/proc")[:100_000]:
        if not name.isdigit() or len(found) >= _MOST_CHILDREN:
            continue
        with _silenced():
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                after = file.read(2000).rpartition(")")[2].split()
            if len(after) > 1 and after[1] == here:
                found.append(_table(f"/proc/{name}/status").get("VmRSS", 0))
    return found


def _silenced() -> Any:
    from contextlib import suppress

    return suppress(OSError)
