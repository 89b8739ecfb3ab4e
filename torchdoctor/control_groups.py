"""The control groups of Linux that this process is in: where their files lie, and what stands in these."""

from __future__ import annotations

from collections.abc import Iterator

ROOT = "/sys/fs/cgroup"


def rows() -> list[list[str]]:
    """Number, controllers and path of each group, as /proc/self/cgroup tells them. Raises OSError."""
    with open("/proc/self/cgroup", encoding="ascii", errors="replace") as file:
        return [row.rstrip("\n").split(":", 2) for row in file]


def upwards(group: str) -> Iterator[str]:
    """The group's own folder below the root and those above it: "pod/one", "pod", "". In a container the group is often
    the root, whatever path is told."""
    parts = [part for part in group.split("/") if part]
    for end in range(len(parts), -1, -1):
        yield "/".join(parts[:end])


def text(path: str) -> str:
    """What stands in a small file; "" where it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return ""
