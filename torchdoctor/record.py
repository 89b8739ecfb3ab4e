"""What a run has recorded: plain data, to and from JSON, and never a tensor, a frame or an exception.

A probe writes records, signs read them. So a sign is tested without the run, without torch and without a GPU, by
replaying what was recorded. What could not be found out is None (or "", or empty): a sign then says less, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torchdoctor.exception_names import bases_of
from torchdoctor.finding import Span
from torchdoctor.memory_record import MemoryRecord
from torchdoctor.reach_record import FileRecord, GraphRecord, ObjectRecord
from torchdoctor.value_record import (
    ExpressionRecord,
    FunctionRecord,
    ModuleRecord,
    TensorRecord,
    ValueRecord,
    shape_text,
    short,
)

__all__ = [
    "ExceptionRecord",
    "ExpressionRecord",
    "Failure",
    "FileRecord",
    "FrameRecord",
    "FunctionRecord",
    "GraphRecord",
    "MemoryRecord",
    "ModuleRecord",
    "ObjectRecord",
    "TensorRecord",
    "ValueRecord",
    "shape_text",
    "short",
]


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame of the traceback. ``package`` is the installed package that the code is of, "" for the user's own.

    ``at`` is the failing expression's place, or the whole line where it is not known; ``module`` is the frame's
    ``self`` where that is an nn.Module; ``locals`` are the names of a user's frame.
    """

    path: str
    line: int
    function: str
    text: str = ""
    package: str = ""
    at: Span | None = None
    expression: ExpressionRecord | None = None
    module: ModuleRecord | None = None
    locals: tuple[ValueRecord, ...] = ()

    @property
    def user(self) -> bool:
        return not self.package

    @property
    def place(self) -> Span:
        return self.at or Span(self.path, self.line, 1, self.line, max(len(self.text), 1) + 1)

    def local(self, name: str) -> ValueRecord | None:
        return next((value for value in self.locals if value.code == name), None)


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """The exception: its class's name, the names of all its classes, its text, and the notes that were added to it."""

    type: str
    message: str
    bases: tuple[str, ...] = ()
    qualified: str = ""
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def is_a(self, *names: str) -> bool:
        return not names or bool({self.type, *self.bases} & set(names))


@dataclass(frozen=True)
class Failure:
    """An exception and all that was within its reach.

    ``origin`` is "live" or "text" (then there are no operands, and perhaps no frames). ``frames`` are outermost first.
    ``blame`` tells whose error it is: "torch", "other" (surely not torch's), or "" (not known). ``worker`` is the
    number of the DataLoader worker that it was raised in, ``rank`` that of the process. ``causes`` are what it was
    raised from, and the members of an exception group. ``memory`` is there where a request for memory failed.
    ``layers`` are torch's own layers in the user's module that failed, in the order in which it holds them.
    """

    exception: ExceptionRecord
    frames: tuple[FrameRecord, ...] = ()
    origin: str = "text"
    blame: str = ""
    worker: int | None = None
    rank: int | None = None
    compiled: bool = False
    causes: tuple[Failure, ...] = ()
    objects: tuple[ObjectRecord, ...] = ()
    files: tuple[FileRecord, ...] = ()
    graph: tuple[GraphRecord, ...] = ()
    memory: MemoryRecord | None = None
    layers: tuple[ModuleRecord, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)

    def as_text(self) -> Failure:
        """What a pasted message alone tells."""
        said = replace(self.exception, bases=bases_of(self.exception.type), qualified="", facts={})
        return Failure(said, causes=tuple(cause.as_text() for cause in self.causes), worker=self.worker)

    # -- places ---------------------------------------------------------------------------------------------------

    @property
    def message(self) -> str:
        return self.exception.message

    @cached_property
    def user(self) -> FrameRecord | None:
        """The innermost frame of the user's own code that asked for something (not one that hands calls on)."""
        own = [frame for frame in self.frames if frame.user]
        asking = [frame for frame in own if not frame.function.endswith(("__torch_function__", "__torch_dispatch__"))]
        return asking[-1] if asking else own[-1] if own else None

    @property
    def inner(self) -> FrameRecord | None:
        """The innermost frame of all."""
        return self.frames[-1] if self.frames else None

    @property
    def live(self) -> bool:
        return self.origin == "live"

    # -- what failed ----------------------------------------------------------------------------------------------
    @cached_property
    def expressions(self) -> tuple[ExpressionRecord, ...]:
        """What failed, from the innermost call (what torch itself was asked for) out to the user's own expression."""
        found: list[ExpressionRecord] = []
        for frame in reversed(self.frames):
            if frame.expression is not None:
                found.append(frame.expression)
            if frame is self.user:
                break
        return tuple(found)

    @property
    def asked(self) -> ExpressionRecord | None:
        """The user's own failing expression."""
        return self.user.expression if self.user is not None else None

    @property
    def called(self) -> str:
        """The full name of the innermost call or operator: "torch.nn.functional.linear", "@", "torch.Tensor.view"."""
        return next((one.name for one in self.expressions if one.name), "")

    def calls(self, *names: str) -> bool:
        """Whether one of these is what failed, or led to it: full names, or their last parts ("view", "Linear")."""
        return any(one.name in names or one.name.rpartition(".")[2] in names for one in self.expressions if one.name)

    @property
    def module(self) -> ModuleRecord | None:
        """The innermost module on the way, the user's own included."""
        return next((frame.module for frame in reversed(self.frames) if frame.module and not frame.module.traced), None)

    @cached_property
    def layer(self) -> ModuleRecord | None:
        """The library's layer that the user's expression led into: the innermost; None where it is none."""
        for frame in reversed(self.frames):
            if frame is self.user:
                callee = frame.expression.callee if frame.expression is not None else None
                return callee.module if callee is not None else None
            if frame.module is not None and not frame.module.traced:
                return frame.module
        return None

    def operand(self, *keys: str | int) -> ValueRecord | None:
        """The operand of the first of these roles or positions that is there.

        Each is looked for from the innermost expression outwards to the user's own: give the role first and the
        position after it, ``operand("weight", 1)``. What is not known is passed over.
        """
        for key in keys:
            for expression in self.expressions:
                if (found := expression.operand(key)) is not None and found.known:
                    return found
        return None

    def tensor(self, *keys: str | int) -> TensorRecord | None:
        """The first tensor of one of these roles or positions."""
        for key in keys:
            for expression in self.expressions:
                if (found := expression.operand(key)) is not None and found.tensor is not None:
                    return found.tensor
        return None

    def pair(self) -> tuple[ValueRecord, ValueRecord] | None:
        """The two tensors that were brought together: of ``a @ b``, ``torch.mm(a, b)`` and ``a.mm(b)`` alike."""
        for expression in self.expressions:
            found = [value for value in expression.operands if value.tensor is not None]
            if len(found) >= 2:
                return found[0], found[1]
        return None

    @cached_property
    def values(self) -> tuple[ValueRecord, ...]:
        """All values that stand in the user's expression or in those that it led to, its own first."""
        found: list[ValueRecord] = []
        for expression in reversed(self.expressions):
            for value in expression.operands:
                found += [value, *value.items]
        return tuple(found)

    @property
    def tensors(self) -> tuple[ValueRecord, ...]:
        """Those of them that are tensors, each once."""
        seen: dict[int, ValueRecord] = {}
        for value in self.values:
            if value.tensor is not None:
                seen.setdefault(value.identity or -len(seen) - 1, value)
        return tuple(seen.values())

    # -- in the user's words --------------------------------------------------------------------------------------

    def name_of(self, value: ValueRecord | None, otherwise: str = "the input") -> str:
        """What the user's own code calls this value, in backticks; ``otherwise`` where it has no name there."""
        own = self.owned(value)
        return f"`{short(own.code)}`" if own is not None and own.code else otherwise

    def owned(self, value: ValueRecord | None) -> ValueRecord | None:
        """The same object as it stands in the user's frame: in its expression, else among its names."""
        if value is None or self.user is None:
            return None
        return next(iter(self.named(value, self.user)), None)

    def named(self, value: ValueRecord, frame: FrameRecord) -> list[ValueRecord]:
        """The same object as it stands in a frame: itself first, then what is a plain name of it."""
        here = frame.expression.operands if frame.expression is not None else ()
        pool = [*here, *(item for operand in here for item in operand.items), *frame.locals]
        same = [one for one in pool if one is value or (value.identity and one.identity == value.identity)]
        return sorted(same, key=lambda one: ("[" in one.code, one is not value))

    def layer_text(self, module: ModuleRecord | None = None, otherwise: str = "the layer") -> str:
        """A module in the user's words, the failing layer if none is named; ``otherwise`` where there is none."""
        module = module or self.layer or self.module
        return module.words if module is not None else otherwise
