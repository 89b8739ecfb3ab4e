"""What one step of training spends its time on, from what is seen to happen in it. Knows times only, no torch.

A step lasts from the end of the one before to its own. What lies before its first batch was asked for is a pause,
where batches of a validation were asked for there, a file was saved, or it is much longer than usual; what is usual
belongs to the step. What lies between the batch and ``backward`` is forward: the host's work for it, and whatever the
program does beside it.
"""

from __future__ import annotations

# Two loaders that are read together (zip) are asked right after each other; a validation computes in between.
_TOGETHER_S = 0.0002
_SHORT_S = 0.001  # shorter pauses are the loop itself
_LONGER = 4  # times as long as what usually lies between two steps: the loop does something else


class Phases:
    """Split the time of the step that is going on. All times are readings of one clock, in seconds."""

    def __init__(self, began: float) -> None:
        self._gap: float | None = None  # what usually lies between a step's end and the next batch
        self._clear(began)

    def _clear(self, now: float) -> None:
        self.began = now
        self._mark = now  # up to here the time is accounted for
        self._asked: float | None = None  # when the batch was asked for that this step may begin with
        self._got = now
        self._waiting = 0.0
        self.source = 0  # the key of the loader that the last batch is of
        self._lead = 1  # batches of the loaders that are read together
        self._first = True  # no backward as yet
        self._optimizing = 0
        self._nested = 0.0
        self.input = self.forward = self.backward = self.optimizer = 0.0
        self.starting = self.saving = self.collecting = 0.0
        self.pause = 0.0
        self.batches = self.backwards = self.others = 0

    def fetched(self, start: float, end: float, key: int, *, starts: bool = False) -> None:
        """A batch was waited for; ``key`` tells the loaders apart, ``starts`` is the first one of its workers."""
        if starts:
            self.starting += end - start
        self.batches += 1
        if not self._first:
            self.input += end - start
            self._mark = end
            return
        together = self._asked is not None and key != self.source and start - self._got < _TOGETHER_S
        if together:
            self._waiting += end - start
            self._lead += 1
        else:
            self._asked, self._waiting, self._lead = start, end - start, 1
        self.source, self._got = key, end

    def ran_backward(self, start: float, end: float) -> None:
        self._begin()
        forward = max(start - self._mark, 0.0)
        self.forward += forward
        self.backward += end - start
        self.backwards += 1
        if self._optimizing:  # the closure of LBFGS
            self._nested += forward + end - start
        self._mark = end

    def optimizing(self, start: float) -> None:
        """An optimizer begins its step."""
        self._begin()
        if not self._optimizing:
            if self.backwards == 0:
                self.forward += max(start - self._mark, 0.0)
            self._nested = 0.0
            self._mark = start
        self._optimizing += 1

    def optimized(self, start: float, end: float) -> None:
        self._optimizing = max(self._optimizing - 1, 0)
        if not self._optimizing:
            self.optimizer += max(end - start - self._nested, 0.0)
            self._mark = end

    def saved(self, start: float, end: float) -> None:
        """A file was written."""
        self.saving += end - start
        if not self._first:
            self._mark = max(self._mark, end)

    def started(self, start: float, end: float) -> None:
        """The workers of a loader were started."""
        self.starting += end - start

    def collected(self, seconds: float) -> None:
        self.collecting += seconds

    def _begin(self) -> None:
        """The step's own work begins: what was asked for before its batch was asked for another purpose."""
        if not self._first:
            return
        self._first = False
        if self._asked is None:
            return
        self.others = max(self.batches - self._lead, 0)
        self.batches = self._lead
        self.input += self._waiting
        self._mark = max(self._got, self._mark)
        gap = max(self._asked - self.began, 0.0)
        marked = self.others > 1 or self.saving > gap / 2 or self.starting > gap / 2
        self.pause = gap if marked or self._is_long(gap) else 0.0

    def _is_long(self, gap: float) -> bool:
        """Whether it is much longer than what usually lies between two steps; learns from it what is usual."""
        usual = self._gap
        if usual is None:
            self._gap = -1.0  # what lies before the first step is the program's start
            return True
        long = 0 <= usual and gap > _LONGER * usual + _SHORT_S
        # What is long again and again is usual by and by.
        self._gap = gap if usual < 0 else 1.2 * usual + _SHORT_S if long else 0.8 * usual + 0.2 * gap
        return long

    @property
    def untouched(self) -> bool:
        """Whether nothing has happened in the step as yet."""
        return self._mark == self.began and self._first and not self.batches

    def close(self, now: float, *, loads: bool = False) -> None:
        """The step ends. ``loads``: by its last batch, with neither backward nor an optimizer; all else is forward."""
        self._begin()
        if loads and not self.backwards:
            self.forward += max(now - self._mark, 0.0)

    def next(self, now: float) -> None:
        """Another step begins."""
        self._clear(now)

    @property
    def kind(self) -> str:
        """What the pause before this step was: "" where it was too short to be one."""
        if self.pause < _SHORT_S:
            return ""
        if self.saving > self.pause / 2:
            return "saving"
        if self.others > 1:
            return "validation"
        return "start" if self.starting > self.pause / 2 else "other"
