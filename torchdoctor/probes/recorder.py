"""Notes what a watched program does, at the price of an ``append`` each, and looks at who holds ever more memory.

What was noted is made into records some steps at a time, by ``Stepping``: between two operations of torch, each line of
Python costs several times what it costs among its like.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from threading import get_ident
from time import perf_counter as clock
from time import thread_time
from typing import Any
from weakref import ref

from torchdoctor.probes import batch_shape, holders, step_memory
from torchdoctor.probes.graphs_alive import GraphsAlive
from torchdoctor.probes.journal import Journal
from torchdoctor.probes.memory_use import DeviceMemory, ResidentSize
from torchdoctor.probes.stepping import Stepping, Use
from torchdoctor.step_record import LoaderRecord

_MEMORY_EVERY_S = 0.005  # between two readings of memory
_RECORDS_EVERY_S = 0.05  # between two times that what was noted is made into records
_EARLY = 64  # after each of the first steps both are done, however short it is
# After so many readings of memory both come this many times more rarely: what has not been seen by then takes its time.
OFTEN, _RARER = 1000, 4
_LOSS_EVERY_S = 0.1
_MANY = 20  # steps from one time to the next: then they are short
_MOST = 4096  # notes that may wait
_BY_LOADER, _BY_BACKWARD = ("", "loader"), ("", "backward")  # boundaries at which they may end a step


class Recorder:
    """One watch. ``journal`` takes the record; ``failed`` is given an exception of our own, which ends the watch."""

    def __init__(self, journal: Journal, began: float, failed: Callable[[Exception], None]) -> None:
        self.journal, self.failed = journal, failed
        self.process = os.getpid()
        self.broken = False
        self.device = DeviceMemory()
        self.stepping = Stepping(journal, began)
        self._notes: list[tuple[Any, ...]] = []
        self._reading = threading.Lock()
        self._graphs = GraphsAlive()
        self._resident = ResidentSize()
        self._sizes: Any = None
        self._loaders: set[int] = set()
        self._due = self._later = self._loss_due = 0.0
        self.settled = 0  # how often memory was read at the end of a step
        self._looks: list[holders.Look] = []

    # -- what is told by the hooks, in the program's own threads -------------------------------------------------------

    def fetched(self, iterator: Any, batch: Any, start: float, end: float) -> None:
        key, number = id(getattr(iterator, "_dataset", iterator)), getattr(iterator, "_num_yielded", 0)
        first = number == 1 and getattr(iterator, "_num_workers", 0) > 0
        if first or key not in self._loaders:
            self._loaders.add(key)
            self._notes.append(("loader", get_ident(), key, _loader(iterator)))
        self._sizes = sizes = batch_shape.sizes(batch)
        graphs, use = 0, None
        if self.stepping.boundary in _BY_LOADER:
            graphs = self._graphs.count()
            if end >= self._due:
                use = self._use()
        self._notes.append(("fetched", get_ident(), start, end, key, first, sizes, graphs, use))
        if use is not None:
            self._settle(end)

    def backward(self, roots: Any, start: float, end: float) -> None:
        """``backward`` has run on a tensor, or on several."""
        loss = None
        for root in roots if isinstance(roots, (tuple, list)) else (roots,):
            self._graphs.see(root)
            if end >= self._loss_due:
                self._loss_due = end + _LOSS_EVERY_S
                loss = batch_shape.value_of(root)
        graphs, use = 0, None
        if self.stepping.boundary in _BY_BACKWARD:
            graphs = self._graphs.count()
            if end >= self._due:
                use = self._use()
        self._notes.append(("backward", get_ident(), start, end, loss, graphs, use))
        if use is not None:
            self._settle(end)

    def optimizing(self, optimizer: Any, start: float) -> None:
        self._notes.append(("optimizing", get_ident(), id(optimizer), start))

    def optimized(self, optimizer: Any, end: float) -> None:
        due = end >= self._due and self._ends(optimizer)
        use = self._use() if due else None
        self._notes.append(("optimized", get_ident(), id(optimizer), ref(optimizer), end, self._graphs.count(), use))
        if due:
            self._settle(end)

    def _ends(self, optimizer: Any) -> bool:
        """Whether a step of this optimizer ends one of the program's, as far as it is known."""
        if self.stepping.boundary == "called":
            return False
        leader = self.stepping.leader()
        return leader is optimizer or leader is None or len(self._notes) > _MOST

    def saved(self, start: float, end: float) -> None:
        self._notes.append(("saved", get_ident(), start, end))

    def started(self, loader: Any, start: float, end: float) -> None:
        if getattr(loader, "num_workers", False):
            self._notes.append(("started", get_ident(), start, end))

    def collected(self, seconds: float) -> None:
        self._notes.append(("collected", get_ident(), seconds))

    def step(self, loss: float | None = None) -> None:
        """The program itself says that a step has ended."""
        now = clock()
        due = now >= self._due
        self._notes.append(("called", get_ident(), now, loss, self._graphs.count(), self._use() if due else None))
        if due:
            self._settle(now)

    def forked(self) -> None:
        self.journal.forget()

    # -- what is made of it --------------------------------------------------------------------------------------------

    def digest(self) -> None:
        """Make records of what was noted; from the sampling thread as well, for a program that makes a long step."""
        with self._reading:
            self._digest()

    def _digest(self) -> None:
        count = len(self._notes)
        taken = self._notes[:count]
        del self._notes[:count]
        if not self.broken:
            self.stepping.read(taken)

    def _settle(self, now: float) -> None:
        """A step has ended, or may have, and memory was read: what needs to be done now and then."""
        self.settled += 1
        times = 1 if self.settled <= OFTEN else _RARER
        if self.stepping.number <= _EARLY:
            self._digest_between()
        else:
            self._due = now + times * _MEMORY_EVERY_S
            if now >= self._later:
                self._later = now + times * _RECORDS_EVERY_S
                before = self.stepping.number
                self._digest_between()
                if self.stepping.number - before >= times * _MANY:
                    self._graphs.thin()
        if self.stepping.suspicious and self.stepping.between:
            self._look()

    def _digest_between(self) -> None:
        """In the program's own thread, which does not wait for the sampling one."""
        if self._reading.acquire(blocking=False):
            try:
                self._digest()
            finally:
                self._reading.release()

    def _look(self) -> None:
        """Look at what the program's names hold; after the third look tell which of them have grown."""
        busy = thread_time()
        self._looks.append(holders.look(sys._getframe(3), self.stepping.number))
        if len(self._looks) == 3:
            for found in holders.grown(self._looks):
                self.journal.lay("holder", found)
            self._looks.clear()
        self.stepping.looked(thread_time() - busy, clock())

    def _use(self) -> Use:
        allocated, reserved, peak, _ = self.device.read()
        if allocated is not None:
            step_memory.note(self.device.place, allocated, batch_shape.text(self._sizes))
        return allocated, reserved, peak, self._resident.read()

    def describe(self) -> dict[str, Any]:
        """What is known of the machine by now."""
        device, total = self.device.described()
        version = getattr(sys.modules.get("torch"), "__version__", "")
        return {"device": device, "total": total, "torch": str(version)}

    def close(self) -> None:
        self._resident.close()


def _loader(iterator: Any) -> LoaderRecord:
    return LoaderRecord(
        dataset=type(getattr(iterator, "_dataset", None)).__name__,
        workers=int(getattr(iterator, "_num_workers", 0) or 0),
        batch_size=batch_shape.batch_size(iterator),
        pin_memory=bool(getattr(iterator, "_pin_memory", False)),
        persistent=bool(getattr(iterator, "_persistent_workers", False)),
        prefetch=getattr(iterator, "_prefetch_factor", None),
    )
