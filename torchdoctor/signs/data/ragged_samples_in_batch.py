"""Samples of different sizes that a DataLoader is to stack into one batch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure

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
    yield Diagnosis(
        f"{loader} stacks samples of different sizes: {shape_text(first)} first and {shape_text(other)} as number {k}",
        cures=tuple(_cures(first, other)),
    )


def _cures(first: tuple[int, ...], other: tuple[int, ...]) -> Iterator[str]:
    wrong = [axis for axis, (a, b) in enumerate(zip(first, other, strict=False)) if a != b]
    if len(first) == 3 and len(other) == 3 and wrong == [0] and {first[0], other[0]} <= {1, 3, 4}:
        yield "`image.convert('RGB')` where the dataset opens images: some have 1 or 4 channels"
    elif len(first) == 3 and len(other) == 3 and first[0] in (1, 3, 4):
        yield "a resize in the dataset's transform: `transforms.Resize((224, 224))`, which gives both sides"
        yield "`transforms.Resize(224)` alone keeps the proportions: `CenterCrop(224)` behind it"
    elif wrong == [0]:
        yield "a `collate_fn` that pads: `nn.utils.rnn.pad_sequence(batch, batch_first=True)`"
    yield "a `collate_fn` that leaves the samples in a list, where they need no common size"
