"""A parameter has a gradient, the optimizer holds it, and no step moves it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """The learning rates stand in the evidence: zero, or too small for the parameter's precision."""
    still = [
        one
        for one in trial.parameters
        if one.changed is False and one.gradient == "given" and one.optimized is not False and trial.steps > 1
    ]
    if not still:
        return
    first = still[0]
    more = f" and {len(still) - 1} more of {len(trial.parameters)} parameters" if len(still) > 1 else ""
    rates = ", ".join(f"{rate:g}" for rate in sorted(set(trial.rates)))
    yield Diagnosis(
        f"{trial.steps} steps of {f'`{trial.optimizer}`' if trial.optimizer else 'Adam'} do not change "
        f"`{trial.model}.{first.name}`{more}, though it has a gradient",
        roots=(Root(first.module, "built here"),),
        evidence=(f"the learning rate: {rates}",) if rates else (),
    )
