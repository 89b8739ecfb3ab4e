"""Dropout with a rate that is no probability: mostly percent."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure("dropout probability has to be between 0 and 1, but got {p:f}", raises=("ValueError", "RuntimeError"))
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The number stands in the text; the record has the user's name for it."""
    rate = said["p"]
    value = next((one for one in failure.values if one.literal == rate and one.code != str(rate)), None)
    name = failure.name_of(value, "the rate")
    if rate > 1 and rate <= 100:
        cures = [f"`{rate / 100:g}`: dropout takes the share of values that are dropped, not percent"]
    else:
        cures = ["a rate from 0 (drops nothing) to 1 (drops all)"]
    yield Diagnosis(
        f"{name} of the dropout is {rate:g}, and a probability lies between 0 and 1",
        cures=tuple(cures),
        roots=made(value, f"{name} is {rate:g} here", "value"),
    )
