"""A step is made of so many small operations that starting them takes longer than what they do.

On a GPU it idles between them; on a CPU the interpreter and the dispatcher take the time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._trace import at, time, together, within
from torchdoctor.signs.speed._per_sample import per_sample
from torchdoctor.trace_record import Operator, Place, TraceRecord

_LAUNCHES, _OPERATIONS = 100, 250
_READING = ("aten::item", "aten::_local_scalar_dense", "aten::select", "aten::as_strided", "aten::unbind")
_NODE = re.compile(r"Backward\d*$")
_TOLD = ("print", "deepcopy", "clip", "save", "stack", "compile")
_SMALL = 12.0  # microseconds that an operator takes of its own
# Calling a small operation takes at most so many times what it does: what is above that is something else.
_CALLING = 3.0


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    yield from _on_gpu(record) if record.gpu else _on_host(record)


def _on_gpu(record: TraceRecord) -> Iterator[Diagnosis]:
    kernels = sum(record.durations)
    small = sum(record.durations[:2])
    waits = sum(sync.idled for sync in record.syncs)
    starved = record.idle - record.share(waits) - record.share(record.phase("input"))
    if starved < 0.25 or record.a_step(kernels) < _LAUNCHES or small < kernels * 0.6:
        return
    yield Diagnosis(
        f"the GPU idles for {percent(record.idle)} of the step: of the {record.a_step(kernels):.0f} kernels in it "
        f"{percent(small / kernels)} take less than 10 us",
        evidence=(f"the host takes {time(record.wall / max(record.launches, 1))} to start one",),
        weight=starved,
    )


def _on_host(record: TraceRecord) -> Iterator[Diagnosis]:
    if per_sample(record):
        return  # then that is why
    read = record.act("item")
    reading = read is not None and record.a_step(read.calls) >= 50  # a rule of its own
    small = [one for one in record.operators if _small(one) and not (reading and one.name in _READING)]
    calls = sum(one.calls for one in small)
    if record.a_step(calls) < _OPERATIONS:
        return
    model = sum(record.phase(phase) for phase in ("forward", "backward", "other"))
    taken = sum(one.self_time for one in small)
    rest = sum(one.self_time for one in record.operators) - taken
    told = sum(record.spent(act) for act in _TOLD)  # in rules of their own
    share = record.share(min(model - rest - told, taken * (1 + _CALLING)))
    if share < 0.4:
        return
    place, per = _where(small), "in the run" if record.whole else "a step"
    if reading and read is not None and together(place, read.place):
        return  # they are what goes before each read
    yield Diagnosis(
        f"{record.a_step(calls):.0f} operations {per} take {time(taken / calls)} each: {percent(share)} of the time "
        "goes into calling them and into what lies between",
        at=at(place),
        evidence=within(place),
        weight=share,
    )


def _small(one: Operator) -> bool:
    if one.name.startswith("autograd::engine::") or _NODE.search(one.name):
        return False  # what calls an operation is none
    inside = sum(one.phases.get(phase, 0.0) for phase in ("optimizer", "input"))
    return bool(one.calls) and one.self_time / one.calls < _SMALL and inside < one.self_time / 2


def _where(small: list[Operator]) -> Place | None:
    """Where most of them are called; what backward calls was made somewhere else."""
    forward = [one for one in small if one.phases.get("backward", 0.0) < one.self_time / 2] or small
    return max(forward, key=lambda one: one.self_time).place
