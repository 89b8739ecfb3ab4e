"""A subscript with more indices than the tensor has dimensions."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure("too many indices for tensor of dimension {n:d}", raises="IndexError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What is asked for is counted from the subscript; a mask counts with all its dimensions."""
    value, index, rank = failure.operand("value"), failure.operand("index"), said["n"]
    shape = shape_of(value)
    name = name_of(failure, value, "the tensor")
    has = f"{name} {shape_text(shape)} has {rank}" if shape is not None else f"the tensor has {rank}"
    mask = index if index is not None and index.tensor is not None and index.tensor.dtype in ("bool", "uint8") else None
    asked = _asked(index)
    if mask is not None and mask.tensor is not None and mask.tensor.shape is not None:
        text = f"the mask {mask.tensor.size_text} has {mask.tensor.rank} dimensions, and {has}"
    else:
        text = f"{asked} indices for {name}" if asked else "more indices than dimensions"
        text += f", and {has} dimension{'s' * (rank != 1)}"
    yield Diagnosis(
        text, cures=tuple(_cures(failure, value, mask, asked, rank)), roots=roots(failure, None, "", value, mask)
    )


def _asked(index: ValueRecord | None) -> int | None:
    if index is None or not index.items:
        return None
    return sum(1 for one in index.items if one.type not in ("NoneType", "ellipsis"))


def _cures(
    failure: Failure, value: ValueRecord | None, mask: ValueRecord | None, asked: int | None, rank: int
) -> Iterator[str]:
    code, shape = spelled(failure, value), shape_of(value)
    covered = shape_of(mask)
    if covered is not None and shape is not None:
        if 1 in covered and tuple(size for size in covered if size != 1) == shape:
            yield f"`{spelled(failure, mask, 'mask')}.squeeze({covered.index(1)})`: then both are {shape_text(shape)}"
        return
    less = "one index less, or `keepdim=True` in what has taken a dimension away before"
    if asked is not None and asked == rank + 1 and code.replace(".", "").isidentifier():
        yield f"`{code}.unsqueeze(0)` before it, if the batch is missing"
    yield less
