"""With every step more tensors with a graph stay alive: something keeps what past steps computed."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import GraphTrial


@on_record(GraphTrial)
def sign(trial: GraphTrial) -> Iterator[Diagnosis]:
    """The place is the line that made most of those that stay; where they lie is told, if it is an attribute."""
    if len(trial.counts) < 2:
        return
    first = trial.operations[0] if trial.operations else None
    held = f" in {', '.join(f'`{name}`' for name in trial.holders)}" if trial.holders else ""
    counts = ", ".join(map(str, trial.counts))
    yield Diagnosis(
        f"tensors of past steps stay alive with their graphs{held}: {counts} after each step",
        at=first.at if first is not None else None,
        roots=(Root(trial.holding, "they are kept in this"),) if trial.holding is not None else (),
        evidence=(first.where,) if first is not None and first.where else (),
    )
