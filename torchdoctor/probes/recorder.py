"""Makes the record of a watched run out of what is told of it: steps, pauses, and what holds ever more memory.

All that is called from the program's own thread is made to cost microseconds. Threads other than the one that trains
are left out of the split of time.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from time import perf_counter as clock
from typing import Any

from torchdoctor.probes import batch_shape, holders, step_memory
from torchdoctor.probes.graphs_alive import GraphsAlive
from torchdoctor.probes.growth import Growth
from torchdoctor.probes.journal import Journal
from torchdoctor.probes.memory_use import DeviceMemory, ResidentSize
from torchdoctor.probes.phases import Phases
from torchdoctor.step_record import LoaderRecord, PauseRecord

_PAUSE_S = 0.05  # shorter ones are in the steps alone
_MEMORY_EVERY_S = 0.005
_LOSS_EVERY_S = 0.1
_EARLY = 64  # the first steps are looked at in full, however short they are
_PASSES = ("", "backward")
_TAKES_OVER = 8  # steps of another optimizer, while the one that ends the steps made none


class Recorder:
    """One watch. ``journal`` takes the record; ``failed`` is given an exception of our own, which ends the watch."""

    def __init__(self, journal: Journal, began: float, failed: Callable[[Exception], None]) -> None:
        self.journal, self.began, self._failed = journal, began, failed
        self.process = os.getpid()
        self.boundary = ""
        self.number = 0
        self.phases = Phases(began)
        self.device = DeviceMemory()
        self.graphs = GraphsAlive()
        self.growth = Growth()
        self._resident = ResidentSize()
        self._thread = threading.get_ident()
        self._leader: Callable[[], Any] = lambda: None
        self._others: dict[int, int] = {}
        self._optimizing: dict[int, float] = {}
        self._shape = ""
        self._shapes = batch_shape.Shapes()
        self._loss: float | None = None
        self._loss_read = self._memory_read = 0.0
        self._loader: LoaderRecord | None = None
        self._fetches = 0
        self._looks: list[holders.Look] = []
        self._of_torch = False

    # -- what is told by the hooks ------------------------------------------------------------------------------------

    def torch_is_here(self) -> None:
        self._of_torch = True

    def failed(self, fault: Exception) -> None:
        self._failed(fault)

    def forked(self) -> None:
        self.journal.forget()

    def started(self, loader: Any, start: float, end: float) -> None:
        if threading.get_ident() == self._thread and getattr(loader, "num_workers", False):
            self.phases.started(start, end)

    def fetched(self, iterator: Any, batch: Any, start: float, end: float) -> None:
        if threading.get_ident() != self._thread:
            return
        if self.boundary in ("", "loader", "backward") and self._fetches:
            self._provisional("loader", start)
        self._fetches += 1
        self._shape = self._shapes.of(batch)
        first = getattr(iterator, "_num_yielded", 0) == 1 and getattr(iterator, "_num_workers", 0) > 0
        self.phases.fetched(start, end, id(getattr(iterator, "_dataset", iterator)), starts=first)
        if self._loader is None or first:
            self._know_loader(iterator)

    def roots(self, tensors: Any) -> None:
        """What backward is about to be called on. A second time, and no optimizer has stepped: then that was a step."""
        if self.boundary in _PASSES and self.phases.backwards and not self._fetches and not self._optimizing:
            if threading.get_ident() == self._thread:
                self._provisional("backward", clock())
        for root in tensors if isinstance(tensors, (tuple, list)) else (tensors,):
            self.graphs.see(root)
            now = clock()
            if now - self._loss_read > _LOSS_EVERY_S:
                self._loss_read = now
                self._loss = batch_shape.value_of(root)

    def ran_backward(self, start: float, end: float) -> None:
        if threading.get_ident() != self._thread:
            return
        self.phases.ran_backward(start, end)

    def optimizing(self, optimizer: Any, start: float) -> None:
        if self.boundary in ("", "loader", "backward"):
            self._thread = threading.get_ident()  # where optimizers step is where training is
        if threading.get_ident() == self._thread:
            self.phases.optimizing(start)
            self._optimizing[id(optimizer)] = start

    def optimized(self, optimizer: Any, end: float) -> None:
        start = self._optimizing.pop(id(optimizer), None)
        if start is None:
            return
        self.phases.optimized(start, end)
        if self.boundary == "called" or self._optimizing:
            return
        if self.boundary != "optimizer":
            self._begin_anew()
        if self._leads(optimizer):
            self._close(end)

    def saved(self, start: float, end: float) -> None:
        if threading.get_ident() == self._thread:
            self.phases.saved(start, end)

    def collected(self, seconds: float) -> None:
        if threading.get_ident() == self._thread:
            self.phases.collected(seconds)

    def step(self, loss: float | None = None) -> None:
        """The program itself says that a step has ended."""
        if self.boundary != "called":
            if self.boundary:
                self._begin_anew()
            self.boundary = "called"
            self.journal.fits(boundary="called")
            self._thread = threading.get_ident()
        if loss is not None:
            self._loss = loss
        self._close(clock())

    # -- where a step ends --------------------------------------------------------------------------------------------

    def _leads(self, optimizer: Any) -> bool:
        """Whether it is the optimizer whose steps are counted: of several the first, as long as it goes on."""
        leader = self._leader()
        if leader is optimizer:
            self._others.clear()
            return True
        made = self._others[id(optimizer)] = self._others.get(id(optimizer), 0) + 1
        if leader is not None and made < _TAKES_OVER:
            return False
        self._leader = weakref.ref(optimizer)
        self._others.clear()
        return True

    def _provisional(self, boundary: str, now: float) -> None:
        """End a step where no optimizer has stepped as yet; when one does, these steps have been none."""
        if self.boundary != boundary:
            self.boundary = boundary
            self.journal.fits(boundary=boundary)
        self._close(now, loads=boundary == "loader")

    def _begin_anew(self) -> None:
        self.boundary = "optimizer"
        self.number = 0
        self.growth = Growth()
        self.journal.lay("reset", {"boundary": "optimizer"})

    def _close(self, now: float, *, loads: bool = False) -> None:
        phases = self.phases
        phases.close(now, loads=loads)
        self.number += 1
        allocated = reserved = peak = rss = None
        if self.number <= _EARLY or now - self._memory_read > _MEMORY_EVERY_S:
            self._memory_read = now
            allocated, reserved, peak, _ = self.device.read()
            rss = self._resident.read()
            if allocated is not None:
                step_memory.note(self.device.place, allocated, self._shape)
        graphs = len(self.graphs)
        seconds = now - phases.began
        self.journal.lay(
            "step",
            (
                self.number, now - self.began, seconds, 1, phases.pause, phases.input, phases.forward,
                phases.backward, phases.optimizer, phases.starting, phases.saving, phases.collecting,
                phases.batches, phases.backwards, self._shape, allocated, reserved, peak, rss, graphs, self._loss, 0.0,
            ),
        )  # fmt: skip
        if phases.pause > _PAUSE_S:
            kind = phases.kind if self.number > 1 else "start"
            self.journal.lay("pause", PauseRecord(phases.began - self.began, phases.pause, kind, self.number))
        self._loss = None
        if self.growth.suspicious(self.number, now - self.began, self._shape, graphs, allocated, rss):
            self._look()
            after = clock()
            self.growth.looked(after - now)
            now = after  # no step is charged with it
        phases.next(now)

    # -- who holds it -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Look at what the program's names hold; after the third look tell which of them have grown."""
        self._looks.append(holders.look(sys._getframe(2), self.number))
        if len(self._looks) == 3:
            for found in holders.grown(self._looks):
                self.journal.lay("holder", found)
            self._looks.clear()

    def _know_loader(self, iterator: Any) -> None:
        starts = self._loader.starts + 1 if self._loader is not None else 1
        self._loader = LoaderRecord(
            dataset=type(getattr(iterator, "_dataset", None)).__name__,
            workers=int(getattr(iterator, "_num_workers", 0) or 0),
            batch_size=batch_shape.batch_size(iterator),
            pin_memory=bool(getattr(iterator, "_pin_memory", False)),
            persistent=bool(getattr(iterator, "_persistent_workers", False)),
            prefetch=getattr(iterator, "_prefetch_factor", None),
            starts=starts,
        )
        self.journal.lay("loader", self._loader)

    def describe(self) -> dict[str, Any]:
        """What is known of the machine by now."""
        device, total = self.device.described()
        version = getattr(sys.modules.get("torch"), "__version__", "")
        return {"device": device, "total": total, "torch": str(version)}

    def close(self) -> None:
        self._resident.close()
