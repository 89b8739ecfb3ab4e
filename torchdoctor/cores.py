"""How many cores this process may use: what is bound to it, and what a container's share of the machine leaves it."""

from __future__ import annotations

import os

from torchdoctor.control_groups import ROOT, rows, text, upwards

_GROUPS = ROOT


def usable_cores() -> int:
    """At least 1. Reads some small files on Linux, and never raises."""
    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    return max(min(bound, *(-(-quota // period) for quota, period in _quotas(_own_group(), _GROUPS))), 1)


def _own_group() -> str:
    """The path of this process's control group; "/" where it is not told."""
    try:
        told = rows()
    except OSError:
        return "/"
    paths = {controllers: path for _, controllers, path in (row for row in told if len(row) == 3)}
    return next((path for names, path in paths.items() if "cpu" in names.split(",")), paths.get("", "/"))


def _quotas(group: str, root: str) -> list[tuple[int, int]]:
    """Microseconds of computing in a period, and the period, as the group and those above it may: `docker --cpus`.

    Both versions of control groups are read. A huge quota stands first: no limit.
    """
    found = [(1 << 40, 1)]
    for folder in upwards(group):
        words = text(f"{root}/{folder}/cpu.max").split() or [
            text(f"{root}/cpu/{folder}/cpu.cfs_quota_us"),
            text(f"{root}/cpu/{folder}/cpu.cfs_period_us"),
        ]
        if len(words) == 2 and all(word.isdigit() and int(word) for word in words):  # "max", "-1": no limit
            found.append((int(words[0]), int(words[1])))
    return found
