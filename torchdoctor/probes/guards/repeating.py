"""Every operation of a run with the bits of its results, to be held against another run of the same."""

from __future__ import annotations

import ctypes
import random
import zlib
from contextlib import ExitStack
from typing import Any

from torchdoctor.guard_record import RepeatRecord
from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.operations import dispatched, name_of, record_of, tensors
from torchdoctor.probes.places import Line, asking
from torchdoctor.probes.plain import loaded

_UNSET = ("empty", "new_empty", "resize", "set_")  # their results are whatever lay in memory
_Step = tuple[str, tuple[Line | None, Line | None], tuple[int, ...], Any]


class Recording:
    """The operations of a block, in their order. Tensors are not kept."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self._stack = ExitStack()

    def __enter__(self) -> Recording:
        self._stack.enter_context(dispatched(self._see))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        name = name_of(function)
        bits: tuple[int, ...] = ()
        if not name.removeprefix("aten.").startswith(_UNSET):
            bits = tuple(_digest(t) for t in tensors(result) if not ("rnn" in name and t.dtype.itemsize == 1))
        self.steps.append((name, asking(), bits, function))


def compared(one: Recording, other: Recording) -> RepeatRecord:
    """The first operation of two runs that differs, in what it is or in its results."""
    for number, (here, there) in enumerate(zip(one.steps, other.steps, strict=False)):
        if here[0] != there[0] or here[2] != there[2]:
            differs = here[0] != there[0]
            return RepeatRecord(number + 1, _record(there), _record(here) if differs else None, number)
    short, long = sorted((one.steps, other.steps), key=len)
    if len(short) < len(long):
        return RepeatRecord(len(short), _record(long[len(short)]), None, len(short), alone=True)
    return RepeatRecord(len(short))


def _record(step: _Step) -> OperationRecord:
    return record_of(step[3], None, step[1])


def _digest(tensor: Any) -> int:
    """A number that tells the bits of two tensors apart."""
    torch = loaded("torch")
    with torch.no_grad(), torch.utils._python_dispatch._disable_current_modes():
        if tensor.layout is not torch.strided or tensor.device.type == "meta":
            return 0
        plain = tensor.detach().cpu().contiguous()
        size = plain.numel() * plain.element_size()
        if not size:
            return 0
        return zlib.crc32(memoryview((ctypes.c_char * size).from_address(plain.data_ptr())))


class Seeds:
    """The states of the random numbers of Python, numpy and torch, as they were."""

    def __init__(self) -> None:
        torch, numpy = loaded("torch"), loaded("numpy")
        self._python = random.getstate()
        self._numpy = numpy.random.get_state() if numpy is not None else None
        self._torch = torch.get_rng_state() if torch is not None else None
        self._cuda = torch.cuda.get_rng_state_all() if torch is not None and torch.cuda.is_initialized() else None

    def restore(self) -> None:
        torch, numpy = loaded("torch"), loaded("numpy")
        random.setstate(self._python)
        if self._numpy is not None:
            numpy.random.set_state(self._numpy)
        if self._torch is not None:
            torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)
