"""A lazy layer whose parameters have no sizes yet: it gets them at its first call."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built


@on_failure(
    "Attempted to use an uninitialized parameter in",
    "Can't access the shape of an uninitialized parameter or buffer",
    "Can't share memory on an uninitialized parameter or buffer",
    raises=("ValueError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which layer it is stands among the operands, where one of them is a lazy module or its parameter."""
    pool = [value.module for value in failure.values if value.module is not None]
    lazy = next((one for one in pool if one.type.startswith("Lazy")), None)
    where = lazy.words if lazy is not None else "a lazy layer"
    yield Diagnosis(
        f"{where} has no sizes yet: its parameters are made at its first call",
        (
            "`model(torch.zeros(1, ...))` once, with an input of the true size, before the parameters are looked at",
            "the layer with its sizes, `nn.Linear(in_features, out_features)`, where they are known",
        ),
        roots=built(lazy, "the lazy layer is built here"),
    )
