"""A tensor of no dimensions that is indexed, looped over or measured with `len`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, spelled


@on_failure(
    "invalid index of a 0-dim tensor",
    "iteration over a 0-d tensor",
    "len() of a 0-d tensor",
    "slice() cannot be applied to a 0-dim tensor",
    raises=("IndexError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is the one of no dimensions in the user's own expression."""
    asked = failure.asked
    held = [one for one in (asked.operands if asked is not None else ()) if one.tensor is not None]
    value = next((one for one in held if one.tensor is not None and one.tensor.shape == ()), None)
    name = name_of(failure, value, "the tensor")
    how = "looped over" if "iteration" in said.text else "asked for its length" if "len" in said.text else "indexed"
    yield Diagnosis(
        f"{name} is a single number, a tensor of no dimensions, and is {how}",
        cures=tuple(_cures(failure, value, how)),
        roots=roots(failure, None, "", value),
    )


def _cures(failure: Failure, value: ValueRecord | None, how: str) -> Iterator[str]:
    code = spelled(failure, value)
    if how == "indexed":
        yield f"`{code.removesuffix('.data')}.item()` for the number"
    else:
        yield f"`{code}.reshape(-1)`, a list of one, or `{code}.item()` for the number"
    yield "`squeeze(dim)` in place of a bare `squeeze()` before: with one sample that takes the batch away too"
