"""`view`, `reshape` and `unflatten` into sizes that the elements do not fill."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._reshaping import cures_of
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at, times


@on_failure(
    "shape '{asked:s}' is invalid for input of size {n:d}",
    "unflatten: Provided sizes {parts:s} don't multiply up to the size of dim {d:d} ({n:d})",
    "only one dimension can be inferred",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the sizes that were asked for; the record the tensor's."""
    if failure.layer is not None and failure.layer.type == "MultiheadAttention":
        return  # its own views, after what it was given
    value = tensor_at(failure, "self", "input", 0)
    shape = shape_of(value)
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    where = roots(failure, None, "", value)
    if "asked" not in said and "parts" not in said:
        yield Diagnosis(
            f"two sizes of {name} were left to be inferred: one `-1` is all that can be",
            ("one `-1`, and the other size as a number",),
            roots=where,
        )
        return
    count = said["n"]
    if "parts" in said:
        parts, d = said["parts"], said["d"]
        others = [prod(parts[:k] + parts[k + 1 :]) for k in range(len(parts))]
        fit = [k for k, other in enumerate(others) if other and count % other == 0]
        one = [f"`{(*parts[:k], count // others[k], *parts[k + 1 :])}`: {count} in all" for k in fit[::-1]]
        yield Diagnosis(
            f"dim {d} of {name} has {count} elements, and {times(parts)} were asked for", tuple(one), roots=where
        )
        return
    asked = said["asked"]
    shown = f"{name} {value.tensor.size_text}" if value is not None and value.tensor is not None else name
    yield Diagnosis(
        f"{shown} has {count} elements, and {_fill(asked, count)}",
        cures=tuple(cures_of(asked, count, shape, code)),
        roots=where,
    )


def _fill(asked: tuple[int, ...], count: int) -> str:
    known = tuple(size for size in asked if size != -1)
    if -1 in asked:
        return f"{times(known) if len(known) != 1 else known[0]} of the sizes {asked} does not divide that"
    return f"the sizes {asked} ask for {prod(asked)}"
