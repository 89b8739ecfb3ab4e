"""A trainable parameter of the model is in no group of the optimizer, or the optimizer holds another model's."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """Only of an optimizer that the user gave. The place is the line that builds the first of them."""
    outside = [one for one in trial.parameters if one.optimized is False]
    if not outside or not trial.optimizer:
        return
    first = outside[0]
    names = f"`{trial.model}.{first.name}`"
    more = f" and {len(outside) - 1} more of {len(trial.parameters)} trainable parameters" if len(outside) > 1 else ""
    evidence = [", ".join(f"`{one.name}`" for one in outside[:4])] if len(outside) > 1 else []
    if trial.strangers:
        evidence.append(f"{trial.strangers} tensors that `{trial.optimizer}` holds are none of the model's parameters")
    yield Diagnosis(
        f"{names}{more} {'are' if more else 'is'} in no parameter group of `{trial.optimizer}`",
        roots=(Root(first.module, "built here"),),
        evidence=tuple(evidence),
    )
