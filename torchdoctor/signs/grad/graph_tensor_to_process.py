"""A computed tensor that is sent to another process: its graph cannot go along."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Cowardly refusing to serialize non-leaf tensor which requires_grad", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor stands in the user's call where it is an argument; a dataset's sample is only known in its worker."""
    values = [item for value in failure.values for item in (value, *value.items)]
    value = next((one for one in values if one.tensor is not None and not one.tensor.leaf), None)
    name = failure.name_of(value, "a tensor")
    own = value.code if value is not None and value.code.isidentifier() else "x"
    made = (
        f", computed by `{value.tensor.grad_fn}`,"
        if value is not None and value.tensor is not None
        else " with a graph"
    )
    yield Diagnosis(
        f"{name}{made} is to be sent to another process, and its graph cannot go along",
        cures=(
            f"send the numbers: `{own}.detach()`",
            "in a dataset, compute inside `with torch.no_grad():`; a sample is no part of the graph",
        ),
        roots=(Root(value, f"{name} is computed here", "value"),) if value is not None else (),
    )
