"""The most memory that a block holds at once: by torch's allocator on a GPU, by the tensors' storages on the CPU."""

from __future__ import annotations

import heapq
import weakref
from contextlib import ExitStack
from typing import Any

from torchdoctor.guard_record import HeldRecord, PeakRecord
from torchdoctor.probes.operations import dispatched, name_of, record_of, tensors
from torchdoctor.probes.places import Line, asking
from torchdoctor.probes.plain import loaded

_LARGEST = 5
_MADE_BEFORE = ("aten.lift", "aten.lift_fresh")  # `torch.tensor(...)`: the tensor is made when it is first seen


class PeakMemory:
    """Counts what is made in the block and alive; what was there before is not counted.

    On the CPU it sees every storage that an operation makes, and not what a kernel takes for itself meanwhile.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: dict[int, tuple[int, Any, tuple[Line | None, Line | None], str]] = {}
        self._watching: dict[int, Any] = {}
        self._now = self._peak = self._told = 0
        self._largest: list[tuple[int, Any, tuple[Line | None, Line | None], str]] = []
        self._before: dict[int, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> PeakMemory:
        torch = loaded("torch")
        if torch.cuda.is_available():
            for device in range(torch.cuda.device_count()):
                torch.cuda.reset_peak_memory_stats(device)
                self._before[device] = torch.cuda.memory_allocated(device)
        else:
            self._stack.enter_context(dispatched(self._see))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._watching.clear()

    def record(self) -> PeakRecord:
        torch = loaded("torch")
        peaks = {f"cuda:{n}": torch.cuda.max_memory_allocated(n) - b for n, b in self._before.items()}
        if peaks:
            device = max(peaks, key=lambda name: peaks[name])
            return PeakRecord(self.limit, peaks[device], device)
        return PeakRecord(self.limit, self._peak, "cpu", tuple(self._record(*one) for one in self._largest))

    @staticmethod
    def _record(size: int, function: Any, lines: tuple[Line | None, Line | None], result: str) -> HeldRecord:
        from dataclasses import replace

        return HeldRecord(size, replace(record_of(function, None, lines), result=result))

    def _see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        known = set() if name_of(function) in _MADE_BEFORE else {self._key(t) for t in tensors([args, kwargs])}
        for tensor in tensors(result):
            key = self._key(tensor)
            if key is None or (key in known and key not in self._held):
                continue
            size = tensor.untyped_storage().nbytes()
            if key in self._held:
                size_before = self._held[key][0]
                if size == size_before:
                    continue
                self._now -= size_before
            else:
                self._watch(key, tensor.untyped_storage())
            shown = f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
            self._held[key] = size, function, asking(), shown
            self._now += size
        if self._now > self._peak:
            self._peak = self._now
            # What stands at the peak is looked at only beyond the limit, and not for every small step of it.
            if self._peak > self.limit and self._peak > 1.02 * self._told:
                self._told = self._peak
                self._largest = heapq.nlargest(_LARGEST, self._held.values(), key=lambda held: held[0])

    @staticmethod
    def _key(tensor: Any) -> int | None:
        """The number of a tensor's storage; None where it has none of its own: sparse, fake, or a subclass's."""
        try:
            return int(tensor.untyped_storage()._cdata)
        except Exception:
            return None

    def _watch(self, key: int, storage: Any) -> None:
        guard = weakref.ref(self)

        def freed(_: Any) -> None:
            here = guard()
            if here is not None:
                here._watching.pop(key, None)
                held = here._held.pop(key, None)
                here._now -= held[0] if held is not None else 0

        self._watching[key] = weakref.ref(storage, freed)
