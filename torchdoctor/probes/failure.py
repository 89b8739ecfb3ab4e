"""An exception to its record: what failed, where, with what, and what lay within reach.

Nothing of the program is run, changed or kept: after ``failure_of`` no frame and no tensor is held. It never raises:
what cannot be told is left out, and a fault of ours leaves one line on standard error (under test it is raised).
"""

from __future__ import annotations

import builtins
import os
import sys
from dataclasses import replace
from typing import Any

from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.pasted import retold
from torchdoctor.probes import graph
from torchdoctor.probes.environment import environment_of, files_of
from torchdoctor.probes.frames import Frames, steps
from torchdoctor.probes.memory import memory_at
from torchdoctor.probes.module import Modules
from torchdoctor.probes.parallel import untouched
from torchdoctor.probes.plain import MISSING, bases, class_name, instance_dict, is_a, qualified, static
from torchdoctor.probes.reach import layers, named, objects, register
from torchdoctor.probes.received import from_spawned, from_worker
from torchdoctor.probes.source import Sources
from torchdoctor.probes.traced import traced
from torchdoctor.probes.value import Values
from torchdoctor.record import ExceptionRecord, ExpressionRecord, Failure, FrameRecord

_DEEPEST = 6
_LONGEST_MESSAGE = 100_000
_PART = {name: BaseException.__dict__[name] for name in ("__cause__", "__context__", "__suppress_context__", "args")}
_GROUP: Any = vars(builtins).get("BaseExceptionGroup")  # Python 3.11 and later
_TRACEBACK = BaseException.__dict__["__traceback__"]


def failure_of(error: BaseException) -> Failure:
    """The record of an exception that has been raised. Never raises, except under test, where a fault of ours does."""
    try:
        return _Capture().failure(error, 0)
    except Exception as fault:
        if FAULTS_ARE_RAISED in os.environ:
            raise
        print(f"torchdoctor: could not look at this failure ({type(fault).__name__}: {fault})", file=sys.stderr)
        return Failure(ExceptionRecord(class_name(type(error)), ""), origin="live")


class _Capture:
    """One exception with all that it was raised from: sources, modules and values are shared among them."""

    def __init__(self) -> None:
        self.sources = Sources()
        self.modules = Modules()
        self.values = Values(self.modules)
        self.seen: set[int] = set()

    def failure(self, error: BaseException, depth: int) -> Failure:
        self.seen.add(id(error))
        links = steps(_TRACEBACK.__get__(error))
        names = named(links)
        register(self.modules, links, names)
        exception = _exception(error)
        around = tuple(objects(names))
        # Before the frames are looked at: stand-ins for their tensors would count among the tensors that there are.
        memory = memory_at(exception, links, names, self.modules, self.sources, around)
        told_frames = Frames(self.sources, self.values, sized=memory is not None and memory.device != "cpu")
        frames = (*told_frames.records(links), *self._compiled(error, told_frames))
        unused = untouched(exception.message, links)
        told = from_worker(links) or from_spawned(links) or retold(exception.message)
        found = self._causes(error, depth) if depth < _DEEPEST else []
        record = Failure(
            exception=exception,
            frames=frames,
            origin="live",
            blame=blame(exception, frames),
            worker=told.worker if told is not None else None,
            rank=_rank(),
            compiled=bool(instance_dict(error).get("real_stack")),
            causes=(*([told] if told is not None else []), *found),
            objects=around,
            memory=memory,
            layers=tuple(layers(self.modules, links)),
            environment={**environment_of(), **({"unused": unused} if unused else {})},
        )
        found_dead = graph.post_mortem(exception.message, links, names, self.modules, self.sources)
        return replace(record, graph=found_dead, files=tuple(files_of(record)))

    def _compiled(self, error: BaseException, frames: Frames) -> tuple[FrameRecord, ...]:
        """The frames under torch.compile: the traceback has none, the exception keeps their summaries."""
        stack: Any = instance_dict(error).get("real_stack")
        if not is_a(stack, list):
            return ()
        return tuple(traced(list(list.__iter__(stack)), _message(error), frames, self.modules))

    def _causes(self, error: BaseException, depth: int) -> list[Failure]:
        """What it was raised from, or while that was handled, and the members of a group; each once."""
        cause, context = _PART["__cause__"].__get__(error), _PART["__context__"].__get__(error)
        before = cause if cause is not None else None if _PART["__suppress_context__"].__get__(error) else context
        found = [] if before is None else [before]
        if _GROUP is not None and is_a(error, _GROUP):
            found += list(_GROUP.exceptions.__get__(error))
        return [self.failure(one, depth + 1) for one in found if id(one) not in self.seen]


def _rank() -> int | None:
    text = os.environ.get("RANK", "")
    return int(text) if text.isdigit() else None


# -- the exception itself ---------------------------------------------------------------------------------------------


def _exception(error: BaseException) -> ExceptionRecord:
    kind = type(error)
    own = instance_dict(error)
    notes = own.get("__notes__")
    return ExceptionRecord(
        type=class_name(kind),
        message=_message(error)[:_LONGEST_MESSAGE],
        bases=tuple(class_name(cls) for cls in bases(kind)[1:]),
        qualified=qualified(kind),
        notes=tuple(note for note in notes if type(note) is str) if type(notes) is list else (),
        facts={k: v for k, v in own.items() if type(k) is str and type(v) in (int, str, float, bool)},
    )


def _message(error: BaseException) -> str:
    """``str`` of an exception whose class has not written its own; else the texts that it was made with."""
    arguments = _PART["args"].__get__(error)
    texts = [str.__str__(argument) for argument in arguments if is_a(argument, str)]
    writer = static(type(error), "__str__")
    own = next((cls for cls in bases(type(error)) if "__str__" in vars(cls)), object)
    if writer is MISSING or qualified(own).partition(".")[0] in ("builtins", "torch", "numpy", "json", "socket"):
        plain = all(type(one) in (str, int, float, bool, bytes, type(None), tuple, type) for one in arguments)
        if plain or qualified(own).startswith(("torch.", "numpy.")):
            return str(error)
    return " ".join(texts)


# -- whose error it is ------------------------------------------------------------------------------------------------


def blame(exception: ExceptionRecord, frames: tuple[FrameRecord, ...]) -> str:
    """ "torch" where torch raised it or was asked for what failed, "other" where surely not, "" where it is open."""
    if exception.qualified.startswith("torch.") or exception.message.startswith("module 'torch"):
        return "torch"
    if not frames:
        return ""
    inner = frames[-1]
    if exception.is_a("MemoryError"):  # Python's or NumPy's own, where nobody wrote `raise`: the machine has no more
        raised = inner.expression is not None and inner.expression.kind == "raise"
        return "other" if raised and not inner.package else ""
    above = next((frame for frame in reversed(frames) if frame.package != "python"), inner)
    if "torch" in (inner.package, above.package):  # torch itself, or the standard library on its account
        return "torch"
    if inner.package == "python" and above.expression is not None and above.expression.name.startswith("torch."):
        return "torch"  # what torch offers under its own name, as torch.multiprocessing does
    expression = inner.expression
    if expression is not None and expression.kind in ("raise", "assert"):
        return "other"
    if expression is not None and _about_torch(expression):
        return "torch"
    return "other" if inner.package not in ("", "torchdoctor") else _blame_of_user(expression)


# What only tensors are asked for: nothing of Python's own and no array has it.
_OF_TENSORS = frozenset({
    "backward", "to", "cuda", "cpu", "detach", "unsqueeze", "permute", "requires_grad", "requires_grad_", "numel",
    "zero_", "contiguous", "unfold", "masked_fill", "index_select", "is_cuda", "long", "half",
})  # fmt: skip
_NO_TENSORS = frozenset({"ndarray", "list", "tuple", "dict", "float", "int", "str", "NoneType"})


def _about_torch(expression: ExpressionRecord) -> bool:
    if expression.name.startswith("torch."):
        return True
    shown = [*expression.operands, *([expression.callee] if expression.callee is not None else [])]
    values = [*shown, *(item for value in shown for item in value.items)]
    if expression.kind == "attribute" and expression.name in _OF_TENSORS:
        return all(value.type in _NO_TENSORS for value in shown)  # a list or an array taken for a tensor
    return any(
        (value.tensor is not None and value.tensor.kind != "ndarray")
        or value.module is not None
        or value.type == "Size"
        or (value.given_by is not None and value.given_by.module is not None)
        or value.code.endswith(".grad")
        for value in values
    )


def _blame_of_user(expression: ExpressionRecord | None) -> str:
    """The user's own frame: where all that stands in the expression is known and none of it is torch's, it is not."""
    if expression is None or not expression.operands:
        return ""
    return "other" if all(value.known for value in expression.operands) else ""
