"""A gradient that is not there because its tensor is no leaf, or was never asked for one."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root


def owner_of(failure: Failure, value: ValueRecord | None) -> ValueRecord | None:
    """The tensor whose gradient it is."""
    if value is None or not value.code.endswith(".grad") or failure.user is None:
        return None
    return failure.user.local(value.code.removesuffix(".grad"))


def of_computed(owner: ValueRecord) -> Iterator[Diagnosis]:
    name, node = owner.code, owner.tensor.grad_fn if owner.tensor is not None else None
    yield Diagnosis(
        f"`{name}.grad` is None: `{name}` was computed{f' by `{node}`' * bool(node)}, and only leaves keep gradients",
        cures=(
            f"`{name}.retain_grad()` before the backward, where `{name}` is meant to be computed",
            f"make `{name}` a leaf: convert or move it first, and call `requires_grad_()` last",
        ),
        roots=(Root(owner, f"`{name}` is computed here", "grad"),),
    )


def of_frozen(owner: ValueRecord) -> Iterator[Diagnosis]:
    name = owner.code
    yield Diagnosis(
        f"`{name}.grad` is None: `{name}` does not require grad, and no backward fills it",
        cures=(
            f"`{name}.requires_grad_()` before the forward pass that leads to the loss",
            f"where `{name}` is made of a tensor that requires grad: the gradient is that one's, not `{name}`'s",
        ),
        roots=(Root(owner, f"`{name}` is made here, without grad", "grad"),),
    )
