"""Integers into a layer or a product of floats. Where floats of two widths met, another rule tells it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, cast, code_of, made
from torchdoctor.signs.dtype._weights import TEXTS, Meeting, meeting


@on_failure(*TEXTS, raises=("RuntimeError", "ValueError"))
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The integers, and the layer or the operand that they met."""
    found = meeting(failure, said)
    if found is None or not found.whole:
        return
    name, layer = failure.name_of(found.value), failure.layer
    other = failure.name_of(found.other, "the other side")
    where = layer.words if layer is not None else other
    size = f" {found.value.tensor.size_text}" if found.value is not None and found.value.tensor is not None else ""
    yield Diagnosis(
        f"{name}{size} holds integers ({found.dtype}), and {where} is {found.wanted}",
        cures=tuple(_cures(found, cast(code_of(failure, found.value, "x"), found.wanted))),
        roots=(
            *made(found.value, f"{name} becomes {found.dtype} here", "dtype"),
            *built(layer, "the layer is built here"),
        ),
    )


def _cures(found: Meeting, converted: str) -> Iterator[str]:
    tensor = found.value.tensor if found.value is not None else None
    if found.dtype == "uint8" and tensor is not None and tensor.rank in (3, 4):
        yield f"`{converted} / 255`: pixels as numbers from 0 to 1"
    else:
        yield f"`{converted}`"
    yield "`nn.Embedding` in the place of the layer, if the integers name things (tokens, categories)"
