"""One watch of this process, from its beginning to its end: the recorder, the sampling thread and the record's file."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter as clock
from typing import Any

from torchdoctor.cores import usable_cores
from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.probes import watched_calls
from torchdoctor.probes.journal import Journal
from torchdoctor.probes.recorder import Recorder
from torchdoctor.probes.sampling import Sampler
from torchdoctor.step_record import SampleRecord, StepRecord, WatchRecord


def rank_and_world() -> tuple[int, int]:
    """Which process this is, of how many: as torchrun tells it, or else 0 of 1."""
    rank, world = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if rank.isdigit() and world.isdigit() and int(rank) < int(world):
        return int(rank), int(world)
    return 0, 1


def program_name() -> str:
    """What the program is called: "train.py", or "package.train" for what runs as a module."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":  # that is a folder's, or a zip file's
        return str(spec.name).removesuffix(".__main__")
    file = (sys.argv or [""])[0] if spec is not None else getattr(main, "__file__", None)
    return os.path.basename(str(file or (sys.argv or [""])[0]))


def file_of(folder: Path, rank: int) -> Path:
    """Where a rank's record lies in the folder of a run."""
    return folder / f"rank{rank}.jsonl"


class Watch:
    """Watches from ``start()`` to ``stop()``. ``folder`` is where the record goes; None keeps it in memory.

    ``tell`` is given a line where something of ours does not work; ``written`` the steps that went to the record, from
    the sampling thread.
    """

    def __init__(
        self,
        folder: Path | None,
        tell: Callable[[str], None],
        written: Callable[[Sequence[StepRecord]], None] | None = None,
    ) -> None:
        self.folder, self.tell, self._written = folder, tell, written
        self._lock = threading.Lock()
        self.running = False
        self.process = os.getpid()

    def start(self) -> None:
        rank, world = rank_and_world()
        self._began = clock()
        head = WatchRecord(program=program_name(), rank=rank, world=world, started=time.time(), cpus=usable_cores())
        self.journal = Journal(file_of(self.folder, rank) if self.folder is not None else None, head, self.tell)
        self.recorder = Recorder(self.journal, self._began, self.failed)
        self.sampler = Sampler(self._began, self.recorder.device, self._sampled, self.failed)
        self._facts: dict[str, Any] = {}
        self.running = True
        watched_calls.listen(self.recorder)
        self.sampler.start()

    def step(self, loss: float | None = None) -> None:
        """The program says that a step has ended: then steps are what it says."""
        if self.running and os.getpid() == self.process:
            try:
                self.recorder.step(loss)
            except Exception as fault:
                self.failed(fault)

    def stop(self, ended: str = "finished") -> WatchRecord:
        """End it and return the record."""
        if self.running and os.getpid() == self.process:
            watched_calls.leave(self.recorder)
            self.sampler.stop()
            try:
                self.recorder.digest()
            except Exception as fault:
                self.failed(fault)
            self.running = False
            self._sampled(self.sampler.last(), final=ended)
            self.journal.close()
            self.recorder.close()
        return self.record

    @property
    def record(self) -> WatchRecord:
        """What is recorded by now."""
        with self._lock:
            return replace(self.journal.whole(), seconds=round(self._ended - self._began, 6))

    @property
    def _ended(self) -> float:
        return clock() if self.running else self._stopped

    def failed(self, fault: Exception) -> None:
        """A fault of ours: the watch takes itself out and says so, the program goes on; under test it is raised."""
        if not self.running:
            return
        watched_calls.leave(self.recorder)
        self.recorder.broken = True
        where = fault.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f" at {os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where else ""
        text = f"the watch has taken itself out ({type(fault).__name__}: {fault}{place}); the program goes on"
        self.journal.lay("missing", {"text": text})
        self.tell(text)
        if FAULTS_ARE_RAISED in os.environ:
            raise fault

    def _sampled(self, sample: SampleRecord, final: str = "") -> None:
        with self._lock:
            self.recorder.digest()
            self.journal.lay("sample", sample)
            facts = {**self.recorder.describe(), "program": program_name()}
            if facts != self._facts:
                self._facts = facts
                self.journal.fits(**facts)
            if final:
                self._stopped = clock()
                self.journal.fits(ended=final, seconds=self._stopped - self._began, count=self.recorder.stepping.number)
            steps = self.journal.flush()
        if steps and self._written is not None:
            self._written(steps)
