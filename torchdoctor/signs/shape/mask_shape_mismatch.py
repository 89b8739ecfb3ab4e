"""A mask in a subscript that has other sizes than what it selects from."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, spelled, tensor_at


@on_failure(
    (
        "The shape of the mask {mask:s} at index {i:d} does not match "
        "the shape of the indexed tensor {whole:s} at index {j:d}"
    ),
    raises="IndexError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has both shapes; which dimension the mask is for, and what it is called, the subscript."""
    value, mask = tensor_at(failure, "value", "self"), _mask(failure)
    name, called = name_of(failure, value, "the tensor"), name_of(failure, mask, "the mask")
    covered, whole, axis = said["mask"], said["whole"], said["j"]
    if not (0 <= said["i"] < len(covered) and 0 <= axis < len(whole)):
        return
    yield Diagnosis(
        f"{called} is {shape_text(covered)} and {name} is {shape_text(whole)}: "
        f"{covered[said['i']]} meets {whole[axis]} in dim {axis}",
        cures=tuple(_cures(covered, whole, axis - said["i"], spelled(failure, value), spelled(failure, mask, "mask"))),
        roots=roots(failure, None, "", value, mask),
    )


def _mask(failure: Failure) -> ValueRecord | None:
    index = failure.operand("index")
    if index is None:
        return None
    found = [one for one in (index, *index.items) if one.tensor is not None and one.tensor.dtype in ("bool", "uint8")]
    return found[0] if found else None


def _cures(covered: tuple[int, ...], whole: tuple[int, ...], start: int, code: str, mask: str) -> Iterator[str]:
    """The dimension that the mask is for, a dimension of size 1 that is too many, a transpose."""
    places = [k for k in range(len(whole) - len(covered) + 1) if whole[k : k + len(covered)] == covered and k != start]
    squeezed = tuple(size for size in covered if size != 1)
    if len(places) == 1:
        yield f"`{code}[{', '.join([':'] * places[0] + [mask])}]`: dim {places[0]} of it is {covered[0]}"
    elif len(covered) == 2 and whole[start : start + 2] == covered[::-1]:
        yield f"`{code}[{mask}.T]`: the mask stands the other way round"
    elif len(squeezed) < len(covered) and whole[: len(squeezed)] == squeezed:
        axis = covered.index(1)
        yield f"`{code}[{mask}.squeeze({axis})]`: without the dimension of size 1"
    elif 1 in covered and len(covered) == len(whole):
        yield f"`{code}[{mask}.expand_as({code})]`: a mask in a subscript is not broadcast"
    else:
        yield "a mask made from this tensor, or cut to it"
