"""Lengths that `pack_padded_sequence` does not take: not sorted, a zero among them, or another number than samples."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, shape_of, spelled, tensor_at


@on_failure(
    "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True",
    "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
    "Expected `len(lengths)` to be equal to batch_size, but got {n:d} (batch_size={batch:d})",
    "'lengths' argument should be a 1D CPU int64 tensor, but got {rank:d}D {device} {kind:w} tensor",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's own call has the padded tensor and the lengths."""
    lengths = failure.asked.operand("lengths", 1) if failure.asked is not None else None
    padded = tensor_at(failure, "input", 0)
    name, code, shape = name_of(failure, lengths, "the lengths"), spelled(failure, lengths, "lengths"), shape_of(padded)
    roots = [Root(lengths, f"{name} are made here", "value")] if lengths is not None else []
    if "sorted" in said.text:
        text, cures = (
            f"{name} are not sorted from long to short",
            ["`enforce_sorted=False`: torch sorts, and sorts back"],
        )
    elif "greater" in said.text:
        least = lengths.tensor.least if lengths is not None and lengths.tensor is not None else None
        text = f"{name} hold {'a length below 1' if least is None else f'{least:.0f}'}: a sample without a step"
        cures = [
            f"`{code}.clamp(min=1)`: one step of padding for empty samples",
            "a filter of empty samples in the dataset",
        ]
    elif "rank" in said:
        text = (
            f"{name} have {said['rank']} dimensions on {said['device']} and are of "
            f"type {said['kind']}: torch wants a vector of int64 on the CPU"
        )
        cures = [f"`{code}.flatten().long().cpu()`"]
    else:
        n, batch = said["n"], said["batch"]
        text = f"{n} lengths are given, and {batch} samples" + (f", in {shape_text(shape)}" if shape else "")
        turned = bool(shape and len(shape) >= 2 and n in shape[:2])
        cures = (
            [
                (
                    f"`batch_first={shape is not None and shape[0] == n}`: {n} "
                    f"samples stand in dim {shape.index(n) if shape else 0}"
                )
            ]
            if turned
            else []
        )
    yield Diagnosis(text, cures=tuple(cures), roots=tuple(roots))
