"""The machine's own memory, refused: mostly a shape that nobody meant; else a limit, workers, or too much data.

Told of torch's allocator, of NumPy, of C++ and of Python itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.memory_text import memory_of
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.memory._host import cures, evidence, machine_size, reason
from torchdoctor.signs.memory._made import made

_LOOK = "look at the sizes in that line: a product of them, or a size that was meant for another place"


@on_failure(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes:d} bytes",
    "DefaultCPUAllocator: not enough memory: you tried to allocate {bytes:d} bytes",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operands' shapes tell a broadcast of a column with a row from data that is just large."""
    memory = memory_of(failure) or MemoryRecord(device="cpu", requested=said["bytes"])
    pair = failure.pair()
    if pair is not None and _spread(*pair):
        a, b = failure.name_of(pair[0], "one operand"), failure.name_of(pair[1], "the other")
        first, second = pair[0].tensor, pair[1].tensor
        yield Diagnosis(
            f"{a} {first.size_text if first else ''} and {b} {second.size_text if second else ''} make a "
            f"tensor of {size_text(memory.requested)}",
            cures=(
                "where both hold one number per sample: bring them to one shape, `.squeeze(1)` or `.flatten()`",
                "where all pairs are meant: in parts, `for part in x.split(1000)`",
            ),
            roots=tuple(Root(value, f"{failure.name_of(value)} got its shape here") for value in pair),
        )
        return
    yield from _refused(failure, memory)


@on_failure(raises="MemoryError")
def python(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """NumPy says how much; Python says nothing."""
    yield from _refused(failure, memory_of(failure) or MemoryRecord(device="cpu"))


@on_failure(
    "std::bad_alloc", "^[Errno 12] Cannot allocate memory", raises=("RuntimeError", "OSError", "std::bad_alloc")
)
def system(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """C++ and the system say nothing of the size: of an object, a map, or a process that was to be started."""
    memory = memory_of(failure) or MemoryRecord(device="cpu")
    starts = any(frame.function in ("_launch", "_execute_child", "fork") for frame in failure.frames)
    what = "the system starts no further process" if starts else "no memory was left for what was to be made"
    message = "; ".join(filter(None, (what, reason(memory))))
    yield Diagnosis(message, tuple(cures(failure, memory)), evidence=tuple(evidence(memory)))


def _refused(failure: Failure, memory: MemoryRecord) -> Iterator[Diagnosis]:
    what, asked, why = made(failure, memory), memory.requested, reason(memory)
    absurd = asked is not None and memory.host is not None and asked > (machine_size(memory.host) or math.inf)
    if asked is None:
        message = f"no memory is left for one more object of Python's{'; ' + why if why else ''}"
    elif what is not None:
        message = f"`{what.code}` makes {what.words}; {why or 'the machine has no such memory left'}"
    else:
        message = f"{size_text(asked)} were asked for at once; {why or 'the machine has no such memory left'}"
    first = (_LOOK,) if asked is not None and (absurd or memory.host is None or asked > 1 << 34) else ()
    facts = (*((what.factor,) if what is not None and what.factor else ()), *evidence(memory))
    yield Diagnosis(message, (*first, *cures(failure, memory)), evidence=facts)


def _spread(one: ValueRecord, other: ValueRecord) -> bool:
    """Whether two operands are spread over one another: a column and a row, or of two ranks."""
    a, b = (value.tensor.shape if value.tensor is not None else None for value in (one, other))
    if not a or not b:
        return False
    sizes = zip(a[::-1], b[::-1], strict=False)
    return len(a) != len(b) or any((x == 1 and y > 1) or (y == 1 and x > 1) for x, y in sizes)
