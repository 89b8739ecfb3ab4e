"""The compiled model computes something else than the model as it is."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trial_record import CompiledTrial


@on_record(CompiledTrial)
def sign(trial: CompiledTrial) -> Iterator[Diagnosis]:
    """Eval mode, the same weights, the same batch."""
    if not trial.differs:
        return
    names = f", most of `{trial.names[0]}`" if trial.names else ""
    differ = "differ" if trial.what == "gradients" else "differs"
    yield Diagnosis(
        f"compiled by {trial.backend}, the {trial.what} of `{trial.model}` {differ} "
        f"by {trial.difference:.2g} of the largest value{names}"
    )
