"""The profiled steps as stretches of time, and what is to be credited to each."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence


class Window:
    """The steps, in order and apart: time outside of all of them counts for nothing."""

    def __init__(self, steps: Sequence[tuple[str, float, float]]) -> None:
        kept: list[tuple[str, float, float]] = []
        for name, start, end in sorted(steps, key=lambda step: step[1]):
            if end > start and (not kept or start >= kept[-1][2] - 1.0):
                kept.append((name, max(start, kept[-1][2]) if kept else start, end))
        self.names = [name for name, _, _ in kept]
        self.starts = [start for _, start, _ in kept]
        self.ends = [end for _, _, end in kept]

    def __len__(self) -> int:
        return len(self.names)

    def at(self, time: float) -> int:
        """The step that a moment lies in; -1 where it lies in none."""
        index = bisect_right(self.starts, time) - 1
        return index if index >= 0 and time < self.ends[index] else -1

    def parts(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The steps that a stretch of time lies in, and how much of it lies in each."""
        for index, first, last in self.stretches(start, end):
            yield index, last - first

    def stretches(self, start: float, end: float) -> Iterator[tuple[int, float, float]]:
        """The same, with the beginning and the end of each part."""
        index = max(bisect_right(self.starts, start) - 1, 0)
        while index < len(self.starts) and self.starts[index] < end:
            first, last = max(start, self.starts[index]), min(end, self.ends[index])
            if last > first:
                yield index, first, last
            index += 1

    def inside(self, start: float, end: float) -> float:
        return sum(length for _, length in self.parts(start, end))


class Union:
    """The time that intervals cover, by step; they come in the order of their starts."""

    def __init__(self) -> None:
        self.end = 0.0
        self.steps: defaultdict[int, float] = defaultdict(float)

    def add(self, window: Window, start: float, end: float) -> None:
        start = max(start, self.end)
        if end > start:
            self.end = end
            for index, length in window.parts(start, end):
                self.steps[index] += length
