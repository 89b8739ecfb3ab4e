"""Layers in a plain list or dict get gradients, and are no part of the model: nothing trains them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """One for each attribute; the place is the line that makes it."""
    for one in trial.outside:
        if one.layers:
            tensors = "tensor" if one.tensors == 1 else "tensors"
            yield Diagnosis(
                f"the layers in `{trial.model}.{one.name}` get gradients, and nothing trains them: "
                f"`parameters()` lacks their {one.tensors} {tensors}",
                roots=(Root(one.module, "kept here, where their owner does not see them"),),
            )
