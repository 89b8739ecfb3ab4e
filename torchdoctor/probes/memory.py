"""The memory at an out-of-memory error, from what is still in reach: no preparation, and nothing until it happens.

Nothing is allocated on the device, nothing is waited for, no tensor outlives the look, and of a device that answers no
more the rest is told all the same.
"""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.memory_record import PARTS, MemoryRecord, PartRecord
from torchdoctor.memory_text import told_memory
from torchdoctor.probes.allocator import told_by_device
from torchdoctor.probes.frames import own_module
from torchdoctor.probes.holdings import Holdings, holdings
from torchdoctor.probes.host import host_of
from torchdoctor.probes.module import Modules
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import class_name, instance_dict, loaded, locals_of
from torchdoctor.probes.reach import Named
from torchdoctor.probes.saved import node_of
from torchdoctor.probes.source import Sources
from torchdoctor.probes.step_memory import noted
from torchdoctor.probes.tensor import is_tensor
from torchdoctor.record import ExceptionRecord, ObjectRecord

_SETTINGS = (
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_HIP_ALLOC_CONF",
    "PYTORCH_MPS_HIGH_WATERMARK_RATIO",
)
_REFUSALS = ("out of memory", "can't allocate memory", "not enough memory: you tried", "Invalid buffer size",
             "OUT_OF_DEVICE_MEMORY", "Unable to allocate", "would exceed allowed memory")  # fmt: skip
_OF_THE_HOST = ("shared memory(shm)", "shared memory object", "unable to mmap", "unable to resize file",
                "Cannot allocate memory", "std::bad_alloc")  # fmt: skip


def is_refusal(exception: ExceptionRecord) -> bool:
    """Whether an exception says that there was no memory."""
    if exception.is_a("MemoryError", "OutOfMemoryError"):
        return True
    if exception.is_a("OSError"):
        return _is_host(exception)
    told = exception.message[:2000]
    return exception.is_a("RuntimeError") and (any(text in told for text in _REFUSALS) or _is_host(exception))


def _is_host(exception: ExceptionRecord) -> bool:
    """Whether it was the machine's own memory, or a map of it."""
    return exception.is_a("MemoryError") or any(text in exception.message[:2000] for text in _OF_THE_HOST)


def memory_at(
    exception: ExceptionRecord,
    links: list[types.TracebackType],
    names: list[Named],
    modules: Modules,
    sources: Sources,
    objects: tuple[ObjectRecord, ...],
) -> MemoryRecord | None:
    """The record of the memory at a refusal; None for every other failure. Never raises, except under test."""
    if not is_refusal(exception):
        return None
    try:
        return _memory(exception, links, names, modules, sources, objects)
    except Exception as fault:
        if FAULTS_ARE_RAISED in os.environ:
            raise
        print(f"torchdoctor: could not look at the memory ({type(fault).__name__}: {fault})", file=sys.stderr)
        return told_memory(exception.message)


def _memory(
    exception: ExceptionRecord,
    links: list[types.TracebackType],
    names: list[Named],
    modules: Modules,
    sources: Sources,
    objects: tuple[ObjectRecord, ...],
) -> MemoryRecord:
    told = told_memory(exception.message) or MemoryRecord(device="cpu" if _is_host(exception) else "")
    batch = next((one.facts.get("batch_size") for one in objects if one.kind == "loader"), None)
    batch = batch if type(batch) is int else None
    if told.device == "cpu":
        told = replace(told, host=host_of())  # first of all: what comes now may find no memory itself
        with suppress(MemoryError):
            held = holdings("cpu", links, names, modules, sources, batch)
            told = replace(told, held=held.held, saved=held.saved, batch=held.batch, **_state(links, sources))
        return told
    found = told_by_device(told.device or "cuda", told.requested)
    device = str(found.get("device") or told.device)
    held = holdings(device, links, names, modules, sources, batch)
    record = _joined(told, {**found, "device": device})
    if held.hooked:
        record = replace(record, missing=(*record.missing, "what is saved behind hooks (checkpointing, offloading)"))
    before = noted(device)
    steps, shapes = tuple(size for size, _ in before), tuple(shape for _, shape in before)
    record = replace(
        record,
        saved=held.saved,
        held=held.held,
        batch=held.batch,
        steps=steps,
        shapes=shapes,
        softmax=_softmax(links, modules, sources),
    )
    return replace(record, parts=parts(record, held), host=host_of(), **_state(links, sources))


def _joined(told: MemoryRecord, found: dict[str, Any]) -> MemoryRecord:
    """What the message tells is of the moment of the refusal; what the device tells is of now, when the error has given
    some back. Only the size of the device is taken from where it is exact."""
    known = {one.name: getattr(told, one.name) for one in fields(told)}
    said = {name: value for name, value in known.items() if value not in (None, "", ())}
    answered = {name: value for name, value in found.items() if value not in (None, "", ())}
    exact = {name: value for name, value in answered.items() if name in ("total", "missing")}
    settings = ", ".join(f"{name}={os.environ[name]}" for name in _SETTINGS if name in os.environ)
    return MemoryRecord(**{"settings": settings, **answered, **said, **exact})


def parts(record: MemoryRecord, held: Holdings) -> tuple[PartRecord, ...]:
    """Where the bytes of the device are; where the device's size is known they sum to it."""
    sizes = {**held.bytes}
    if record.allocated is not None:
        sizes["temporaries"] = max(record.allocated - sum(held.bytes.values()), 0)
    if record.reserved is not None and record.allocated is not None:
        idle = max(record.reserved - record.allocated, 0)
        pools = min(record.heap.private_free if record.heap is not None else 0, idle)
        sizes["private pools"], sizes["cached, unused"] = pools, idle - pools
    if record.own is not None and record.reserved is not None:
        sizes["not PyTorch's"] = max(record.own - record.reserved, 0)
    if record.total is not None and record.free is not None:
        sizes["free"] = record.free
        rest = "other processes" if record.own is not None else "not PyTorch's"
        sizes[rest] = max(record.total - sum(sizes.values()), 0)
    counts = {**held.count, "other processes": sum(one.own is False for one in record.processes)}
    return tuple(PartRecord(kind, sizes[kind], counts.get(kind, 0)) for kind in PARTS if sizes.get(kind))


def _state(links: list[types.TracebackType], sources: Sources) -> dict[str, Any]:
    """Whether gradients and autocast were on, and the outermost module on the way in training mode."""
    training = next((flag for flag in map(_training, links) if flag is not None), None)
    grad = graded(links, sources)
    within = "\n".join(_contexts(links, sources))
    autocast = True if "autocast" in within else _autocast()
    return {"training": training, "grad_enabled": grad, "autocast": autocast}


def _softmax(links: list[types.TracebackType], modules: Modules, sources: Sources) -> str:
    """Whose code writes a softmax out: "own" for the user's, else the package of the model's classes; "" for none."""
    own = [link.tb_frame.f_code.co_filename for link in links]
    found = ""
    for path in dict.fromkeys([*own, *modules.files()]):
        package = package_of(path) if path else "torch"
        if package in ("torch", "python", "torchdoctor") or (found and package):
            continue
        sources.know(path, {})
        if any("softmax(" in row for row in sources.lines(path)):
            found = package or "own"
            if not package:
                break
    return found


def _training(link: types.TracebackType) -> bool | None:
    module = own_module(link.tb_frame)
    flag = instance_dict(module).get("training") if module is not None else None
    return flag if type(flag) is bool else None


def _contexts(links: list[types.TracebackType], sources: Sources) -> Iterator[str]:
    """What the `with` statements around the user's lines name, and the contexts that torch's decorators stand for."""
    for link in links:
        frame = link.tb_frame
        path = frame.f_code.co_filename
        if not package_of(path):
            sources.know(path, frame.f_globals)
            for one in sources.around(path, link.tb_lineno):
                if isinstance(one, (ast.With, ast.AsyncWith)):
                    yield from (ast.unparse(item.context_expr) for item in one.items)
        elif frame.f_code.co_name == "decorate_context":
            made = locals_of(frame).get("ctx_factory")
            yield class_name(type(getattr(made, "__self__", None)))


def graded(links: list[types.TracebackType], sources: Sources) -> bool | None:
    """Whether gradients were on where it fell: the mode itself has been put back as the error passed by."""
    if any("no_grad" in one or "inference_mode" in one for one in _contexts(links, sources)):
        return False
    torch = loaded("torch")
    computed = (node_of(value) for link in links for value in locals_of(link.tb_frame).values() if is_tensor(value))
    if any(node is not None for node in computed):
        return True
    return False if torch is not None and not torch.is_grad_enabled() else None


def _autocast() -> bool | None:
    """Whether one that was entered before is on still; False where none is to be seen."""
    try:
        return bool(loaded("torch").is_autocast_enabled())
    except Exception:
        return None
