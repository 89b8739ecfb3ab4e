"""The output of a batch of one has lost the dimension of the samples."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import shape_text
from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import SizeTrial


@on_record(SizeTrial)
def sign(trial: SizeTrial) -> Iterator[Diagnosis]:
    """The place is the first operation that gives one dimension less for it."""
    if not trial.squeezed:
        return
    first = trial.operation
    what = f": {first.words} takes the dimension of the samples away" if first is not None else ""
    yield Diagnosis(
        f"a batch of {trial.batch} gives {shape_text(trial.many)}, and a batch of one {shape_text(trial.one)}{what}",
        at=first.at if first is not None else None,
        roots=(Root(trial.module, "built here"),) if trial.module is not None else (),
        evidence=(first.where,) if first is not None and first.where else (),
    )
