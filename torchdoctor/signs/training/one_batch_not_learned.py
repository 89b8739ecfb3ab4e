"""Trained on one batch over and over, the loss does not come down: what cannot learn that learns nothing."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trial_record import OverfitTrial


@on_record(OverfitTrial)
def sign(trial: OverfitTrial) -> Iterator[Diagnosis]:
    """Several optimizers, so that it is no matter of the rate. The loss that was asked for is told, if one was."""
    if trial.learned:
        return
    missed = f", and {trial.wanted:.4g} was asked for" if trial.wanted is not None else ""
    yield Diagnosis(
        f"`{trial.model}` does not learn one batch: in {trial.steps} steps on it the loss goes from {trial.first:.4g} "
        f"to {trial.best:.4g}{missed}",
        evidence=tuple(f"the lowest loss of {name}: {loss:.4g}" for name, loss in trial.tries),
    )
