"""Minus of truth values: `1 - mask`, `-mask`, `(a > b) - (a < b)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "Subtraction, the `-` operator, with two bool tensors is not supported",
    "Subtraction, the `-` operator, with a bool tensor is not supported",
    "Negation, the `-` operator, on a bool tensor is not supported",
    raises=("RuntimeError", "NotImplementedError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What is subtracted from what decides whether the mask is to be inverted, or counted with."""
    masks = [v for v in failure.tensors if v.tensor is not None and v.tensor.dtype == "bool"]
    asked = failure.asked
    sides = {v.role: v for v in asked.operands} if asked is not None and asked.kind == "operator" else {}
    roots = tuple(root for mask in masks[:1] for root in made(mask, "the truth values are made here", "dtype"))
    if not masks:
        yield Diagnosis("`-` was asked of truth values", ("`~mask` to invert it; `mask.float()` to reckon with it",))
        return
    name, code = failure.name_of(masks[0], "the mask"), code_of(failure, masks[0], "mask")
    yield Diagnosis(
        f"{name} holds truth values, and `-` is not for them",
        cures=tuple(_cures(sides, code, masks, failure)),
        roots=roots,
    )


def _cures(sides: dict[str, ValueRecord], code: str, masks: list[ValueRecord], failure: Failure) -> Iterator[str]:
    left = sides.get("left")
    if left is not None and left.literal == 1 and len(sides) == 2:
        yield f"`~{code}`: the mask inverted"
        yield f"`1 - {code}.float()`, for numbers to multiply with"
    elif len(masks) > 1 and len(sides) == 2:
        other = code_of(failure, masks[1], "other")
        yield f"`{code} ^ {other}`, where exactly one of them is true; `{code} & ~{other}`, where only the first is"
        yield f"`{code}.int() - {other}.int()`, for -1, 0 and 1"
    else:
        yield f"`{code}.float()`, to reckon with it"
        yield f"`~{code}`, to invert it"
