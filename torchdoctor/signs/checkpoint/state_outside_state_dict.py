"""A model that was saved and loaded gives other outputs: part of what it computes with is not in the state dict."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import ModuleRecord
from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import SavedTrial


@on_record(SavedTrial)
def sign(trial: SavedTrial) -> Iterator[Diagnosis]:
    """Plain attributes that differ are told as the cause; else the first operation whose results do."""
    if trial.kind != "weights" or not trial.differs:
        return
    names = ", ".join(f"`{one.root or trial.model}.{_dotted(one)}`" for one in trial.outside[:4])
    first = trial.operation
    yield Diagnosis(
        f"`{trial.model}` saved and loaded gives other outputs"
        + (f": {names} {'is' if len(trial.outside) == 1 else 'are'} not in its state dict" if names else ""),
        at=None if trial.outside or first is None else first.at,
        roots=(
            *(Root(one, "made here, as a plain attribute") for one in trial.outside[:4]),
            *((Root(first.at, "here the results differ first"),) if first is not None and first.at is not None else ()),
        ),
        evidence=(
            f"the outputs before and after differ by {trial.difference:.2g} of the largest value",
            *((first.where,) if first is not None and first.where else ()),
        ),
    )


def _dotted(one: ModuleRecord) -> str:
    last = one.attribute.rpartition(".")[2]
    return f"{one.name}.{last}" if one.name else last
