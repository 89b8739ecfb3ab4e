"""What a guard has seen, one record a guard. Plain data, never a tensor.

``test`` is what was guarded: a test's name, or "" for a block; ``caller`` is its line, the place of a finding that has
none of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from torchdoctor.finding import Span
from torchdoctor.operation_record import OperationRecord


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """Memory that one operation's result holds, in bytes."""

    bytes: int
    operation: OperationRecord


@dataclass(frozen=True, slots=True)
class PeakRecord:
    """The most memory that was held at once, above what was held before, in bytes, and the limit.

    ``device`` is cpu (the storages of tensors) or a GPU (torch's allocator). ``largest`` held most of it at the peak.
    """

    limit: int
    peak: int
    device: str = "cpu"
    largest: tuple[HeldRecord, ...] = ()
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class LeftRecord:
    """What is there after the end and was not before.

    ``tensors`` are alive, of ``bytes`` in all, ``graphs`` of them with a graph; ``operations`` made them, the most
    frequent first, ``holders`` are names under which they are held. ``hooks`` are places of functions that are still
    hooked to modules or tensors; ``settings`` are torch's settings that are not what they were, in words.
    """

    tensors: int = 0
    bytes: int = 0
    graphs: int = 0
    operations: tuple[OperationRecord, ...] = ()
    holders: tuple[str, ...] = ()
    hooks: tuple[tuple[str, Span | None], ...] = ()
    settings: tuple[str, ...] = ()
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class NanRecord:
    """The first operation that gave NaN; None where none did.

    ``given`` is whether an operand held it already, ``infinite`` whether one held infinity.
    """

    operation: OperationRecord | None = None
    given: bool = False
    infinite: bool = False
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """What makes the program wait for the GPU: each operation with how often its line ran.

    On the CPU nothing waits: then it is what would wait, if the tensors were on a GPU (``device`` is cpu).
    """

    operations: tuple[tuple[OperationRecord, int], ...] = ()
    device: str = "cpu"
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class BreakRecord:
    """Where torch.compile broke the graph: the line, and why in its words, each once."""

    breaks: tuple[tuple[Span | None, str], ...] = ()
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class RecompileRecord:
    """What torch.compile compiled again: the function, its line, and the guard that failed."""

    recompiles: tuple[tuple[str, Span | None, str], ...] = ()
    test: str = ""
    caller: Span | None = None


@dataclass(frozen=True, slots=True)
class RepeatRecord:
    """Two runs with the same seeds: the first operation whose results differ, bit by bit.

    ``first`` is None where all agree. ``other`` is what the other run did there, where it did something else; ``alone``
    is True where it had done all it did. ``number`` counts the operations before it.
    """

    operations: int = 0
    first: OperationRecord | None = None
    other: OperationRecord | None = None
    number: int = 0
    test: str = ""
    caller: Span | None = None
    alone: bool = False
