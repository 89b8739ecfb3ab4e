"""Tried out, the model raised: on a batch of one, in its second step. The exception's own rule says why."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import FailedTrial


@on_record(FailedTrial)
def sign(trial: FailedTrial) -> Iterator[Diagnosis]:
    """What was asked of it, and what it raised; where the exception is known by itself, what is known of it."""
    if not trial.error:
        return
    said = f"it raised {trial.error}: {trial.message}".removesuffix(": ")
    told = f"{trial.told} ({trial.rule})" if trial.told else said
    yield Diagnosis(
        f"`{trial.model}` fails in {trial.doing}: {trial.error}",
        cures=trial.cures,
        at=trial.at,
        roots=(
            *(Root(span, text) for span, text in trial.roots),
            *((Root(trial.module, f"{trial.module.words} is built here"),) if trial.module is not None else ()),
        ),
        evidence=tuple(dict.fromkeys((told, said))) if trial.told else (said,),
    )
