"""A tensor given to an LSTM as its state, which is a pair: torch takes it apart and finds an index out of bounds."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure(
    "index 1 is out of bounds for dimension 0 with size",
    "hx and cx should also be",
    raises=("IndexError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where the layer is an LSTM and its state one tensor."""
    layer, value = failure.layer, failure.asked.operand("hx", 1) if failure.asked is not None else None
    shape = shape_of(value)
    if layer is None or layer.type != "LSTM" or shape is None:
        return
    name, code = name_of(failure, value, "the state"), spelled(failure, value, "h")
    yield Diagnosis(
        f"{failure.layer_text(layer)} takes a pair (h, c) as its state, and {name} is one tensor, {shape_text(shape)}",
        cures=(f"`({code}, torch.zeros_like({code}))`", "no state at all: torch begins with zeros"),
        roots=roots(failure, layer, "built here", value),
    )
