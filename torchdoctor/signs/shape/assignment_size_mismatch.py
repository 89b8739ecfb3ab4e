"""A tensor assigned to a part of another that has other sizes: a slice, a row, what a mask selects."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, tensor_at


@on_failure(
    (
        "The expanded size of the tensor ({:d}) must match the existing size ({:d}) at "
        "non-singleton dimension {:d}. Target sizes: {part:s}. Tensor sizes: {given:s}"
    ),
    "shape mismatch: value tensor of shape {given:s} cannot be broadcast to indexing result of shape {part:s}",
    "Number of elements of source < number of ones in mask",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has both shapes; the record has the tensor and its index."""
    if "expanded size" in said.text and failure.called not in ("", "[]"):
        return
    if "expanded size" in said.text and not failure.expressions and len(said["part"]) > 1:
        return  # as likely an `expand`
    value, index = tensor_at(failure, "value", "self"), failure.operand("index")
    name = name_of(failure, value, "a tensor")
    part, given = said["part"], said["given"]
    if given is None:
        yield Diagnosis(
            f"`masked_scatter_` on {name} gets fewer elements than the mask selects",
            roots=roots(failure, None, "", value),
        )
        return
    where = f"`{failure.asked.code}`" if failure.asked is not None and failure.called == "[]" else f"the part of {name}"
    mask = index is not None and index.tensor is not None and index.tensor.dtype == "bool"
    selected = f", selected by the mask `{index.code}`" if mask and index is not None else ""
    yield Diagnosis(
        f"{where} is {shape_text(part)}{selected}, and what is assigned to it is {shape_text(given)}",
        cures=tuple(_cures(part, given, shape_of(value), mask, index.code if index is not None else "mask")),
        roots=roots(failure, None, "", value),
    )


def _cures(
    part: tuple[int, ...], given: tuple[int, ...], whole: tuple[int, ...] | None, mask: bool, index: str
) -> Iterator[str]:
    if mask and whole == given:
        yield f"`y[{index}]` on the right too: the same mask selects the same elements"
    elif prod(part) == prod(given) and part != given:
        yield f"`.reshape{shape_text(part)}` on the right, if the elements stand in that order"
    elif len(part) > len(given) and given and part[: len(given)] == given:
        yield f"`y[..., None]` on the right: {shape_text((*given, 1))} is repeated along the last dimension"
    elif 0 < len(part) == len(given) and given[0] > part[0] and part[1:] == given[1:]:
        yield f"`y[:{part[0]}]` on the right, or a part of {given[0]} on the left"
    elif 0 < len(part) == len(given) and part[1:] == given[1:]:
        yield f"a part of {given[0]} on the left, as `[:{given[0]}]`"
    else:
        yield f"sizes {shape_text(part)} on the right, or a part {shape_text(given)} on the left"
