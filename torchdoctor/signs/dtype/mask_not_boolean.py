"""A mask of numbers where torch takes truth values: masked_fill, masked_select, where."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made


@on_failure(
    "masked_fill_ only supports boolean masks, but got mask with dtype {dtype:w}",
    "masked_fill only supports boolean masks, but got mask with dtype {dtype:w}",
    "masked_fill_ only supports boolean masks, but got dtype {dtype:w}",
    "expected BoolTensor for mask",
    "expected predicate to be bool, got {dtype:w}",
    "where expected condition to be a boolean tensor, but got a tensor with dtype {dtype:w}",
    "expected condition to be a boolean tensor, but got a tensor with dtype {dtype:w}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Most masks of numbers mark what counts with 1, and `masked_fill` fills where it is True."""
    mask = failure.operand("mask", "condition") or _mask(failure)
    dtype = dtype_of(said["dtype"]) or (mask.tensor.dtype if mask is not None and mask.tensor is not None else "")
    name, code = failure.name_of(mask, "the mask"), code_of(failure, mask, "mask")
    fills = failure.calls("masked_fill", "masked_fill_") or "fill" in said.text
    flipped = code[1:-1] if code.startswith("(~") else code
    if flipped.startswith("~"):
        cures: tuple[str, ...] = (f"`{flipped[1:]} == 0`: `~` of integers flips their bits, and makes -2 of 1",)
    elif fills:
        cures = (
            f"`{code} == 0`, if 1 marks what counts: `masked_fill` fills where the mask is True",
            f"`{code}.bool()`, if 1 marks what is to be filled",
        )
    else:
        cures = (f"`{code}.bool()`: everything but 0 is True",)
    yield Diagnosis(
        f"{name} is {dtype or 'of numbers'}, and a mask is of truth values",
        cures=cures,
        roots=made(mask, f"{dtype} is made here", "dtype"),
    )


def _mask(failure: Failure) -> ValueRecord | None:
    first = failure.operand(0)
    return first if first is not None and first.tensor is not None and first.tensor.dtype != "bool" else None
