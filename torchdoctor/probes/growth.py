"""When to look at who holds memory: where memory has grown from step to step, and a few times in any case.

A look goes through what the program's names hold and takes a millisecond or some; all looks together take three
thousandths of the run at most, where it is no short one.
"""

from __future__ import annotations

from itertools import pairwise

from torchdoctor.probes.graphs_alive import STRIDE

_GRAPHS = 4  # losses of former steps whose graphs live: one or two are in use
_COUNTED_EACH = 64  # steps; of later ones one in some may be counted for all
_DEVICE, _HOST = 256 << 10, 8 << 20  # bytes of growth from one comparison to the next
_COMPARED = 4  # comparisons that all went up
_EVERY = (4, 32, 256)  # steps between two comparisons: quick leaks are seen early, slow ones at last
_APART = 4  # steps between two looks of an early window
_LATER = 100  # from this step on they are a third of the way apart: what grows with each epoch is seen too
_WINDOWS = 12  # times of looking in one run
_ANYHOW = 12  # the step at which it is looked in any case; then at four times that, and so on
_SHARE, _GRACE_S = 0.003, 0.02  # of the run's time, and what a short run may be charged with


class Growth:
    """Fed once a step; says whether it is time for a look. Three looks make a window.

    Steps are told some at a time, so the look may come some steps later.
    """

    def __init__(self) -> None:
        self._graphs: list[int] = []
        self._rising: dict[str, tuple[int, int, int]] = {}  # by kind and shape: step, bytes, how often it has risen
        self._wanted = self._due = 0  # looks of this window that are to come; the step of the next one
        self._apart = _APART
        self._windows = self._next = 0
        self._anyhow = _ANYHOW
        self._spent = self._costs = 0.0

    def suspicious(
        self, step: int, elapsed: float, shape: str, graphs: int, allocated: int | None, rss: int | None
    ) -> bool:
        """Whether to look after this step, ``elapsed`` seconds into the run."""
        if self._wanted:
            return step >= self._due
        if self._windows >= _WINDOWS or self._spent + 3 * self._costs > max(_SHARE * elapsed, _GRACE_S):
            return False
        if step < self._anyhow:
            self._apart = self._grows(step, shape, graphs, allocated, rss)
            if step < self._next or not self._apart:
                return False
            self._next = 10 * step
        else:
            self._anyhow = 4 * step
            self._apart = _APART if step < _LATER else step // 3
        self._windows += 1
        self._wanted, self._due = 3, step
        return True

    def looked(self, seconds: float, step: int) -> None:
        """What a look took, and the step that it came after."""
        self._wanted, self._due = max(self._wanted - 1, 0), step + self._apart
        self._spent += seconds
        self._costs = max(self._costs, seconds)

    def _grows(self, step: int, shape: str, graphs: int, allocated: int | None, rss: int | None) -> int:
        """At which distance, in steps, memory was seen to grow; 0 where it does not."""
        if step <= _COUNTED_EACH or step % STRIDE == 0:
            self._graphs = [*self._graphs[-_COMPARED:], graphs]
            more = all(a < b for a, b in pairwise(self._graphs))
            if graphs >= _GRAPHS and more and len(self._graphs) > 3:
                return _APART
        found = 0
        for every in _EVERY:
            if allocated is not None and self._risen(f"device {every} {shape}", step, allocated, _DEVICE, every):
                found = found or every
            if rss is not None and self._risen(f"host {every}", step, rss, _HOST, every):
                found = found or every
        return found

    def _risen(self, key: str, step: int, now: int, least: int, every: int) -> bool:
        if key not in self._rising and len(self._rising) > 256:
            self._rising.clear()
        then, before, times = self._rising.setdefault(key, (step, now, 0))
        if step - then < every:
            return False
        times = times + 1 if now - before >= least else 0
        self._rising[key] = (step, now, times)
        return times >= _COMPARED
