"""A trainable parameter's gradient is there and exactly zero in every step: it never learns."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """Several steps, since what lies behind weights that begin at zero has a zero gradient in the first one.

    The place is the operation whose results are all zero, where there is one.
    """
    still = [one for one in trial.parameters if one.gradient == "zero"]
    if not still or trial.steps < 3:
        return
    names = f"the gradient of `{trial.model}.{still[0].name}` is"
    if len(still) > 1:
        first = f"`{trial.model}.{still[0].name}`"
        names = f"the gradients of {first} and {len(still) - 1} more of {len(trial.parameters)} parameters are"
    dead = trial.dead
    yield Diagnosis(
        f"{names} exactly zero in each of {trial.steps} steps"
        + (f": all results of {dead.words} are zero" if dead is not None else ""),
        at=dead.at if dead is not None else None,
        roots=(Root(still[0].module, "built here"),),
        evidence=(
            *((dead.where,) if dead is not None and dead.where else ()),
            *((", ".join(f"`{one.name}`" for one in still[:6]),) if len(still) > 1 else ()),
        ),
    )
