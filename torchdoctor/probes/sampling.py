"""The thread of a watch: twice a second it looks at memory, the GPU and the loader's workers, and writes the record."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from torchdoctor.probes.memory_use import DeviceMemory, ResidentSize, private_size
from torchdoctor.step_record import SampleRecord

EVERY_S = 0.5
_WORKERS_EVERY_S = 2.0  # to add up a process's pages takes the system milliseconds
_MOST_WORKERS = 16


class Sampler:
    """Calls ``each`` with a sample, every half second, in a thread of its own, until it is stopped.

    What ``each`` raises ends the thread; ``failed`` is then given the exception.
    """

    def __init__(
        self,
        began: float,
        device: DeviceMemory,
        each: Callable[[SampleRecord], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.began, self.device, self.each, self.failed = began, device, each, failed
        self._resident = ResidentSize()
        self._stop = threading.Event()
        self._gpu = Utilisation(device)
        self._cpu = (time.perf_counter(), time.process_time())
        self._workers: tuple[int | None, int] = (None, 0)
        self._looked = 0.0
        self._thread = threading.Thread(target=self._run, name="torchdoctor watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended, or after some seconds in which it did not."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def last(self) -> SampleRecord:
        """The sample of the watch's end; after it none can be taken."""
        found = self.sample()
        self._resident.close()
        self._gpu.close()
        return found

    def _run(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                self.each(self.sample())
        except Exception as error:
            self.failed(error)

    def sample(self) -> SampleRecord:
        now = time.perf_counter()
        allocated, reserved, _, retries = self.device.read()
        used, gpu = self._gpu.read()
        busy = time.process_time()
        cpu = (busy - self._cpu[1]) / max(now - self._cpu[0], 1e-9)
        self._cpu = (now, busy)
        if now - self._looked >= _WORKERS_EVERY_S:
            self._looked, self._workers = now, _workers()
        return SampleRecord(
            at=now - self.began,
            rss=self._resident.read(),
            allocated=allocated,
            reserved=reserved,
            retries=retries,
            gpu=gpu,
            used=used,
            cpu=round(cpu, 2),
            workers=self._workers[0],
            workers_count=self._workers[1],
        )


def _workers() -> tuple[int | None, int]:
    """What the workers of DataLoaders hold for themselves, together, and how many they are."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is None:
        return None, 0
    children = list(getattr(multiprocessing, "_children", ()))
    ours = [child.pid for child in children if "_worker_loop" in _target(child) and child.pid]
    sizes = [size for pid in ours[:_MOST_WORKERS] if (size := private_size(pid)) is not None]
    return (sum(sizes) if sizes else None), len(sizes)


def _target(child: Any) -> str:
    """The name of the function that a process runs: torch's own, or ours in its place."""
    name = getattr(getattr(child, "_target", None), "__name__", "")
    return f"_{name.lstrip('_')}"


class Utilisation:
    """What NVML tells of the GPU, where nvidia-ml-py is installed and there is a driver."""

    def __init__(self, device: DeviceMemory) -> None:
        self._device = device
        self._library: Any = None
        self._handle: Any = None
        self._tried = False

    def read(self) -> tuple[int | None, float | None]:
        """Bytes in use on the device, by whatever process, and its utilisation in percent."""
        if self._handle is None and not self._begin():
            return None, None
        used: int | None = None
        try:
            used = int(self._library.nvmlDeviceGetMemoryInfo(self._handle).used)
            return used, float(self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu)
        except Exception:  # an error of NVML's: with MIG the utilisation is not told
            return used, None

    def _begin(self) -> bool:
        name = self._device.name
        if self._tried or not name:
            return False
        self._tried = True
        try:
            import pynvml

            pynvml.nvmlInit()
            self._library = pynvml
            try:
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(name)
            except TypeError:  # older versions take bytes
                self._handle = pynvml.nvmlDeviceGetHandleByUUID(os.fsencode(name))
        except Exception:
            return False
        return True

    def close(self) -> None:
        try:
            if self._library is not None:
                self._library.nvmlShutdown()
        except Exception:
            return
