"""Training that was saved and resumed goes another way than training that went on."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import SavedTrial


@on_record(SavedTrial)
def sign(trial: SavedTrial) -> Iterator[Diagnosis]:
    """Model and optimizer were both loaded, and the random numbers were the same."""
    if trial.kind != "training" or not trial.differs:
        return
    yield Diagnosis(
        f"after saving and loading model and optimizer the next loss of `{trial.model}` is {trial.found:.6g}, and "
        f"{trial.expected:.6g} without",
        roots=tuple(Root(one, "changes in training, and is not saved") for one in trial.outside[:4]),
        evidence=tuple(f"`{one.attribute}` is not in the state dict" for one in trial.outside[:4]),
    )
