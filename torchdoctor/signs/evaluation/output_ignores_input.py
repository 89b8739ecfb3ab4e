"""All samples of a batch have exactly the same output, though they differ: nothing of the input reaches it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trial_record import EvalTrial


@on_record(EvalTrial)
def sign(trial: EvalTrial) -> Iterator[Diagnosis]:
    """Exactly the same: a model that tells samples badly apart is not meant."""
    if trial.kind == "constant" and trial.sizes:
        yield Diagnosis(
            f"`{trial.model}` gives all {trial.sizes[0]} samples of the batch exactly the same "
            "output, though they differ"
        )
