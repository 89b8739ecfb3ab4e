"""`requires_grad` of a computed tensor cannot be switched off: it is what it was computed from."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("you can only change requires_grad flags of leaf variables", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is what `requires_grad_` is called on; of an assignment only its names are at hand."""
    value = failure.operand("self")
    if value is None or value.tensor is None:
        yield Diagnosis(
            "`requires_grad` of a computed tensor was to be changed; it follows from what the tensor was computed from",
            cures=("`x = x.detach()`, for the numbers without the graph",),
        )
        return
    name = failure.name_of(value, "the tensor")
    own = value.code if value.code.isidentifier() else ""
    yield Diagnosis(
        f"{name} {value.tensor.size_text} was computed by `{value.tensor.grad_fn}`: its `requires_grad` follows "
        "from that",
        cures=(
            f"`{own} = {own}.detach()`, for the numbers without the graph" if own else "`.detach()`, for the numbers",
            "to freeze weights, set `requires_grad` of the parameters: `model.requires_grad_(False)`",
        ),
        roots=(Root(value, f"{name} is computed here", "value"),),
    )
