"""Samples of different sizes that a DataLoader is to stack into one batch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.data._stacking import cures, key_of

_COLLATES = ("collate", "default_collate", "collate_tensor_fn", "default_convert")


@on_failure(
    "stack expects each tensor to be equal size, but got {first:s} at entry 0 and {other:s} at entry {k:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where a collate of torch's own stacks. In a worker the frames are those that it has told of."""
    if not failure.calls(*_COLLATES) and not any(frame.function in _COLLATES for frame in failure.frames):
        return
    first, other, k = said["first"], said["other"], said["k"]
    loader = next((f"`{one.name}`" for one in failure.objects if one.kind == "loader"), "the loader")
    notes = (*failure.exception.notes, *failure.message.splitlines())
    yield Diagnosis(
        f"{loader} stacks samples of different sizes: {shape_text(first)} first and {shape_text(other)} as number {k}",
        cures=tuple(cures(first, other, key_of(notes, first, other))),
    )
