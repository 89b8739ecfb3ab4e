"""In eval mode a sample's output depends on the samples beside it: something goes over the batch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import EvalTrial


@on_record(EvalTrial)
def sign(trial: EvalTrial) -> Iterator[Diagnosis]:
    """The place is the first operation whose rows differ between the whole batch and its half."""
    if trial.kind != "mixed" or not trial.differs or len(trial.sizes) < 2:
        return
    first = trial.operation
    what = f", from {first.words} on" if first is not None else ""
    yield Diagnosis(
        f"in eval mode a sample's output changes with the batch that it stands in{what}",
        at=first.at if first is not None else None,
        roots=(Root(trial.module, "built here"),) if trial.module is not None else (),
        evidence=(
            *((first.where,) if first is not None and first.where else ()),
            f"in a batch of {trial.sizes[0]} and in one of {trial.sizes[1]} the outputs of the same samples differ by "
            f"{trial.difference:.2g} of the largest value",
        ),
    )
