"""A tensor or layer of a negative size: a sum that went below zero."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "Trying to create tensor with negative dimension {n:d}: {sizes:s}",
    "{what:w}: Dimension size must be non-negative",
    "narrow(): length must be non-negative",
    "invalid shape dimension {n:d} at index {k:d} of shape {sizes:s}",
    "^invalid shape dimension {n:d}$",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which argument of the user's call it was: the name tells where to look."""
    asked = failure.asked
    operands = [one for value in (asked.operands if asked is not None else ()) for one in (value, *value.items)]
    lowest = -1 if "invalid" in said.text else 0  # there -1 stands for what follows from the rest
    below = [one for one in operands if type(one.literal) is int and one.literal < lowest]
    value = below[0] if below else None
    number = said["n"] if said["n"] is not None else value.literal if value is not None else None
    name = f"`{value.code}`" if value is not None and value.code and not value.code.startswith("-") else "a size"
    sizes = f", of {shape_text(said['sizes'])}" if said["sizes"] else ""
    yield Diagnosis(
        f"{name} is {'negative' if number is None else number}{sizes}: a size is 0 or more",
        cures=(
            f"look at what makes {name} so small: a length less something that is longer than it",
            f"`max({value.code}, 0)`"
            if value is not None and name.startswith("`")
            else "`-1`, and only in `view`, `reshape` and `expand`, for a size that follows from the rest",
        ),
        roots=(Root(value, f"{name} is made here", "value"),) if value is not None else (),
    )
