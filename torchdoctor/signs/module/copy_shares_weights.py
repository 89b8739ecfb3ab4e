"""A deep copy of the model computes with the original's weights: a closure, or a layer of the class, is shared."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import CopyTrial


@on_record(CopyTrial)
def sign(trial: CopyTrial) -> Iterator[Diagnosis]:
    """Seen by a training step of the copy that gives gradients to the original."""
    if trial.kind != "shared" or not trial.names:
        return
    first = f"`{trial.model}.{trial.names[0]}`"
    more = f" and {len(trial.names) - 1} more" if len(trial.names) > 1 else ""
    yield Diagnosis(
        f"a training step of a deep copy gives gradients to the original's {first}{more}",
        roots=(Root(trial.culprit, "built here"),) if trial.culprit is not None else (),
        evidence=(f"`{trial.culprit.attribute}` is a {trial.type} that holds parts of the model",)
        if trial.culprit is not None and trial.type
        else (),
    )
