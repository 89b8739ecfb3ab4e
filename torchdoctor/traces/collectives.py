"""Collectives that the CPU carries out, as gloo does, on threads of their own: when they ran, and who waited for them.

The thread that trains shows nothing while it waits: only that a collective ran meanwhile tells why.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter

from torchdoctor.traces.window import Union, Window


class Collectives:
    def __init__(self, window: Window) -> None:
        self.window = window
        self.running, self.exposed = Union(), Counter[int]()
        self.calls: Counter[int] = Counter()
        self._starts: list[float] = []
        self._ends: list[float] = []

    def ran(self, start: float, end: float) -> None:
        """They come in the order of their starts."""
        self.running.add(self.window, start, end)
        self.calls[self.window.at(start)] += 1
        if self._ends and start <= self._ends[-1]:
            self._ends[-1] = max(self._ends[-1], end)
        else:
            self._starts.append(start)
            self._ends.append(end)

    def waited(self, start: float, end: float) -> float:
        """How much of an idle stretch within one step a collective ran; it counts as exposed."""
        found = 0.0
        for index in range(bisect_right(self._starts, end) - 1, -1, -1):
            if self._ends[index] <= start:
                break
            found += max(min(end, self._ends[index]) - max(start, self._starts[index]), 0.0)
        if found:
            self.exposed[self.window.at(start)] += found  # type: ignore[assignment]
        return found
