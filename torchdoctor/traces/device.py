"""The GPUs' side of a trace: when each had something to do, and what."""

from __future__ import annotations

from collections import Counter

from torchdoctor.traces import kernels
from torchdoctor.traces.host import Host
from torchdoctor.traces.names import Kind, Name
from torchdoctor.traces.stack import Launch
from torchdoctor.traces.tallies import Tallies, Tally
from torchdoctor.traces.window import Union, Window

_QUEUED = 20.0  # what starts so long after it was launched had to wait for others
_CAUGHT_UP = 1000.0
BOUNDS = (5.0, 10.0, 50.0, 200.0)


class _Gpu:
    def __init__(self) -> None:
        self.busy, self.computing, self.communicating = Union(), Union(), Union()
        self.copying, self.covered = Union(), Union()
        self.collectives: Counter[int] = Counter()


class Device:
    def __init__(self, window: Window, host: Host) -> None:
        self.window, self.host = window, host
        self.gpus: dict[int, _Gpu] = {}
        self.kernels, self.copies = Tallies(), Tallies()
        self.families: dict[str, str] = {}
        self._stalled: tuple[float, Tally] | None = None
        self.durations = [0] * (len(BOUNDS) + 1)

    def ran(self, gpu: int, name: Name, start: float, end: float, link: int, size: int) -> None:
        one = self.gpus.setdefault(gpu, _Gpu())
        launch = self.host.pending.get(link) if link else None
        if launch is not None and not launch.shared:
            del self.host.pending[link]
        if launch is not None and start - launch.time > _QUEUED:
            self._stalled = None
        if 0.0 < one.busy.end < start:
            self._idled(one.busy.end, start)
        one.busy.add(self.window, start, end)
        family = self._family(name)
        if family == "communication":
            one.communicating.add(self.window, start, end)
            one.collectives[self.window.at(start)] += 1
        else:
            one.covered.add(self.window, start, end)
        if name.kind is Kind.COPY:
            if kernels.copy_kind(name.text).startswith("HtoD"):
                one.copying.add(self.window, start, end)
        elif family != "communication":
            one.computing.add(self.window, start, end)
        length = self.window.inside(start, end)
        if length:
            self._count(name, length, launch, size, end - start)

    def _family(self, name: Name) -> str:
        if (known := self.families.get(name.text)) is None:
            known = kernels.family(name.text) if name.kind is Kind.KERNEL else ""
            self.families[name.text] = known
        return known

    def _count(self, name: Name, length: float, launch: Launch | None, size: int, whole: float) -> None:
        if name.kind is Kind.COPY:
            tally = self.copies[kernels.copy_kind(name.text)]
            tally.size += size
        else:
            tally = self.kernels[name.text]
            self.durations[next((i for i, bound in enumerate(BOUNDS) if whole < bound), len(BOUNDS))] += 1
        tally.calls += 1
        tally.total += length
        if launch is None:
            return
        if launch.place is not None:
            tally.places[launch.place] += length
        if launch.operator is not None:
            self._operator(launch, launch.operator, tally, length)

    @staticmethod
    def _operator(launch: Launch, operator: Tally, tally: Tally, length: float) -> None:
        operator.kernels += length
        operator.phases[launch.phase] += length
        tally.operators[operator.name] += length
        if launch.dtype:
            operator.dtypes[launch.dtype] += length

    def _idled(self, start: float, end: float) -> None:
        """The GPU had nothing to do: credited to the wait that the host came out of then, or shortly before.

        A wait leaves the queue empty; until the host is ahead again, idle time is of its making.
        """
        waits = self.host.waits
        passed = [wait for wait in waits if wait[0] <= end]
        if passed:
            waits[:] = [wait for wait in waits if wait[0] > end]
            last = max(passed, key=lambda wait: wait[0])
            if last[0] >= start - 2.0:
                self._stalled = last
        if self._stalled is not None and start - self._stalled[0] < _CAUGHT_UP:
            self._stalled[1].own += self.window.inside(start, end)

    @property
    def busiest(self) -> _Gpu | None:
        return max(self.gpus.values(), key=lambda gpu: sum(gpu.busy.steps.values()), default=None)
