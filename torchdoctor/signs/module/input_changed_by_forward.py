"""The forward pass writes into the batch that it is given."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trial_record import InputTrial


@on_record(InputTrial)
def sign(trial: InputTrial) -> Iterator[Diagnosis]:
    """The place is the operation that wrote."""
    if not trial.names:
        return
    first = trial.operation
    names = ", ".join(name if " " in name else f"`{name}`" for name in trial.names[:4])
    yield Diagnosis(
        f"a forward pass of `{trial.model}` changes {names}"
        + (f": {first.words} writes in place" if first is not None else ""),
        at=first.at if first is not None else None,
        evidence=(first.where,) if first is not None and first.where else (),
    )
