"""A plain tensor of the model gets a gradient and is no parameter: nothing trains it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """One for each attribute; the place is the line that makes it."""
    for one in trial.outside:
        if not one.layers:
            name = f"`{trial.model}.{one.name}`"
            yield Diagnosis(
                f"{one.tensors} tensors in {name} get gradients, and nothing trains them: `parameters()` lacks them"
                if one.tensors > 1
                else f"{name} gets a gradient, and nothing trains it: `parameters()` lacks it",
                roots=(Root(one.module, "made here"),),
            )
