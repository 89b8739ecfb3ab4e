"""A gradient that is not there because its tensor is no leaf."""

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
