"""Floats of one width into weights of another: float64 from NumPy, half weights. Integers are another rule's."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, cast, code_of, made
from torchdoctor.signs.dtype._weights import TEXTS, Meeting, meeting


@on_failure(*TEXTS, raises=("RuntimeError", "ValueError"))
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What came, and the weights or the operand that it met."""
    found = meeting(failure, said)
    if found is None or found.whole:
        return
    layer = failure.layer
    if layer is not None:
        name, where = failure.name_of(found.value), f"{failure.layer_text(layer)} has weights of"
    else:
        name = failure.name_of(found.value, "one side")
        where = f"{failure.name_of(found.other, 'the other')} is"
    yield Diagnosis(
        f"{name} is {found.dtype}, and {where} {found.wanted}",
        cures=tuple(_cures(failure, found)),
        roots=(
            *made(found.value, f"{name} becomes {found.dtype} here", "dtype"),
            *built(layer, "the layer is built here"),
        ),
        evidence=("NumPy makes float64 unless it is told otherwise",) if found.dtype == "float64" else (),
    )


def _cures(failure: Failure, found: Meeting) -> Iterator[str]:
    code, half = code_of(failure, found.value, "x"), {found.dtype, found.wanted} & {"float16", "bfloat16"}
    if half and failure.layer is not None:
        yield f"`with torch.autocast(device_type, dtype=torch.{min(half)}):`, with weights and inputs in float32"
    yield f"`{cast(code, found.wanted)}`"
    if failure.layer is not None:
        yield f"`model.to(torch.{found.dtype})`, if {found.dtype} is what the weights are meant to be"
    else:
        yield f"`{cast(code_of(failure, found.other, 'y'), found.dtype)}`"
