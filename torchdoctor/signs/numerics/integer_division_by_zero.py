"""A division or remainder of integers by 0: of floats it is inf or nan, of integers an error."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("^ZeroDivisionError$", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The divisor is the right side, or the argument of the method."""
    value = failure.operand("right", "other", 0)
    name = failure.name_of(value, "the divisor")
    own = value.code if value is not None and value.code.isidentifier() else "divisor"
    yield Diagnosis(
        f"{name} holds a 0, and whole numbers cannot be divided by it",
        cures=(
            f"`{own}.clamp(min=1)`, where 0 stands for an empty group or length",
            "divide with `/`, which gives floats (inf and nan at 0), and mask the result",
        ),
        roots=(Root(value, f"{name} is made here", "value"),) if value is not None and value.tensor is not None else (),
    )
