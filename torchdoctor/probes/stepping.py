"""Makes steps of what a ``Recorder`` has noted: where each ends, and how its time is split.

A note is a tuple: the name of a method here, the thread that it was made in, and what that method is given. Threads
other than the one that trains are left out. Knows times only, no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from weakref import ref

from torchdoctor.probes import batch_shape
from torchdoctor.probes.growth import Growth
from torchdoctor.probes.journal import Journal
from torchdoctor.probes.phases import Phases
from torchdoctor.step_record import LoaderRecord, PauseRecord

_PAUSE_S = 0.05  # shorter ones are in the steps alone
_GUESSED = ("", "loader", "backward")  # what ends a step while no optimizer has stepped
_TAKES_OVER = 8  # steps of another optimizer, while the one that ends the steps made none

# Allocated, reserved, peak and resident size, in bytes.
Use = tuple[int | None, int | None, int | None, int | None]
_NOT_READ: Use = (None, None, None, None)


class Stepping:
    """The steps of one watch, which go to ``journal``. ``boundary`` and ``number`` are as in the records.

    ``leader`` gives the optimizer whose steps are counted, None where there is none. ``suspicious``: memory seems to
    grow, and somebody should look at who holds it.
    """

    def __init__(self, journal: Journal, began: float) -> None:
        self.journal, self.began = journal, began
        self.boundary = ""
        self.number = 0
        self.suspicious = False
        self.leader: Callable[[], Any] = lambda: None
        self._phases = Phases(began)
        self._growth = Growth()
        self._thread = threading.get_ident()
        self._others: dict[int, int] = {}
        self._optimizing: dict[int, float] = {}
        self._shape = ""
        self._loss: float | None = None
        self._fetches = 0
        self._begun: dict[int, LoaderRecord] = {}  # loaders of which no step has been made since they began
        self._starts = 0

    def read(self, notes: Iterable[tuple[Any, ...]]) -> None:
        """Take notes in the order in which they were made."""
        for what, thread, *told in notes:
            if what in ("optimizing", "called") and self.boundary in _GUESSED:
                self._thread = thread  # where optimizers step is where training is
            if thread == self._thread:
                getattr(self, what)(*told)

    @property
    def between(self) -> bool:
        """Whether a step has just ended, and nothing was noted since."""
        return self._phases.untouched

    def looked(self, busy: float, end: float) -> None:
        """It was looked, at the price of so much processor time; no step is charged with it."""
        self.suspicious = False
        self._growth.looked(busy, self.number)
        self._phases.next(end)

    # -- the notes -----------------------------------------------------------------------------------------------------

    def loader(self, key: int, loader: LoaderRecord) -> None:
        self._begun[key] = loader

    def fetched(
        self, start: float, end: float, key: int, first: bool, sizes: Any, graphs: int, use: Use | None
    ) -> None:
        if self._fetches and self.boundary in _GUESSED:
            self._guess("loader", start, graphs, use)
        self._fetches += 1
        self._shape = batch_shape.text(sizes)
        self._phases.fetched(start, end, key, starts=first)

    def backward(self, start: float, end: float, loss: float | None, graphs: int, use: Use | None) -> None:
        """A second time, and no optimizer has stepped, and no loader gives batches: then that was a step."""
        if self.boundary in ("", "backward") and self._phases.backwards and not (self._fetches or self._optimizing):
            self._guess("backward", start, graphs, use)
        if loss is not None:
            self._loss = loss
        self._phases.ran_backward(start, end)

    def optimizing(self, optimizer: int, start: float) -> None:
        self._phases.optimizing(start)
        self._optimizing[optimizer] = start

    def optimized(self, optimizer: int, itself: ref[Any], end: float, graphs: int, use: Use | None) -> None:
        start = self._optimizing.pop(optimizer, None)
        if start is None:
            return
        self._phases.optimized(start, end)
        if self.boundary == "called" or self._optimizing:
            return
        if self.boundary != "optimizer":
            self._begin_anew()
        if self._leads(optimizer, itself):
            self._close(end, graphs, use)

    def saved(self, start: float, end: float) -> None:
        self._phases.saved(start, end)

    def started(self, start: float, end: float) -> None:
        self._phases.started(start, end)

    def collected(self, seconds: float) -> None:
        self._phases.collected(seconds)

    def called(self, now: float, loss: float | None, graphs: int, use: Use | None) -> None:
        if self.boundary != "called":
            if self.boundary:
                self._begin_anew()
            self.boundary = "called"
            self.journal.fits(boundary="called")
        if loss is not None:
            self._loss = loss
        self._close(now, graphs, use)

    # -- where a step ends --------------------------------------------------------------------------------------------

    def _leads(self, optimizer: int, itself: ref[Any]) -> bool:
        """Whether it is the optimizer whose steps are counted: of several the first, as long as it goes on."""
        if itself is self.leader:  # there is one reference to each, also when it is gone
            self._others.clear()
            return True
        made = self._others[optimizer] = self._others.get(optimizer, 0) + 1
        if self.leader() is not None and made < _TAKES_OVER:
            return False
        self.leader = itself
        self._others.clear()
        return True

    def _guess(self, boundary: str, now: float, graphs: int, use: Use | None) -> None:
        """End a step where no optimizer has stepped as yet; when one does, these steps have been none."""
        if self.boundary != boundary:
            self.boundary = boundary
            self.journal.fits(boundary=boundary)
        self._close(now, graphs, use, loads=boundary == "loader")

    def _begin_anew(self) -> None:
        self.boundary = "optimizer"
        self.number = self._starts = 0
        self.suspicious = False
        self._growth = Growth()
        self.journal.lay("reset", {"boundary": "optimizer"})

    def _close(self, now: float, graphs: int, use: Use | None, *, loads: bool = False) -> None:
        phases = self._phases
        phases.close(now, loads=loads)
        self.number += 1
        allocated, reserved, peak, rss = use or _NOT_READ
        if self._begun and (loader := self._begun.pop(phases.source, None)) is not None:
            self._starts += 1
            self.journal.lay("loader", replace(loader, starts=self._starts))
        self.journal.lay(
            "step",
            (
                self.number, now - self.began, now - phases.began, 1, phases.pause, phases.input, phases.forward,
                phases.backward, phases.optimizer, phases.starting, phases.saving, phases.collecting,
                phases.batches, phases.backwards, self._shape, allocated, reserved, peak, rss, graphs, self._loss, 0.0,
            ),
        )  # fmt: skip
        if phases.pause > _PAUSE_S:
            kind = phases.kind if self.number > 1 else "start"
            self.journal.lay("pause", PauseRecord(phases.began - self.began, phases.pause, kind, self.number))
        self._loss = None
        if self._growth.suspicious(self.number, now - self.began, self._shape, graphs, allocated, rss):
            self.suspicious = True
        phases.next(now)
