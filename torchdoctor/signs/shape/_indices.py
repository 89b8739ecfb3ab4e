"""What to write for an index that lies outside."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.signs.shape._sizes import shape_of, spelled


def from_one(failure: Failure, index: ValueRecord | None, size: int) -> list[str]:
    """Indices from 1 to the size itself: the first is never used."""
    tensor = index.tensor if index is not None else None
    if tensor is None or tensor.least != 1 or tensor.most != size or size < 2:
        return []
    return [f"`{spelled(failure, index, 'index')} - 1`: they run from 1 to {size}, and indices from 0 to {size - 1}"]


def cures_of(
    failure: Failure, value: ValueRecord | None, at: int, axis: int | None, size: int, many: bool
) -> Iterator[str]:
    shape, code = shape_of(value) or (), spelled(failure, value)
    others = [d for d in range(len(shape)) if d != axis and shape[d] > at >= 0]
    if size == 0:
        yield f"look first whether `{code}.numel()` is 0"
    elif at == size:
        yield f"{size - 1} is the last: indices count from 0" + (", so `- 1` if these count from 1" if many else "")
    if axis == 0 and len(others) == 1 and not many and failure.called == "[]" and at != size:
        at_other = ", ".join([":"] * others[0] + [str(at)])
        yield f"`{code}[{at_other}]`, if dim {others[0]} (of {shape[others[0]]}) is meant"
    elif at != size and size:
        yield f"indices from 0 to {size - 1}, or a tensor of at least {at + 1} there"
