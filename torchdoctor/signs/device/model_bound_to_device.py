"""Moved to another device, the model meets tensors that have stayed: plain attributes, or what forward makes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import DeviceTrial


@on_record(DeviceTrial)
def sign(trial: DeviceTrial) -> Iterator[Diagnosis]:
    """The line that met two devices is the place; attributes that stayed are marked where they are made."""
    if not trial.failed:
        return
    stayed = ", ".join(f"`{one.attribute.rpartition('.')[2]}`" for one in trial.left[:4])
    yield Diagnosis(
        f"`{trial.model}` does not work when it is moved from {trial.home} to {trial.device}"
        + (f": {stayed} {'has' if len(trial.left) == 1 else 'have'} stayed" if stayed else ""),
        at=trial.at,
        roots=(
            *(Root(one, f"no buffer and no parameter: stays on {trial.home}") for one in trial.left[:4]),
            *(Root(span, text) for span, text in trial.roots),
        ),
        evidence=(*([trial.told] if trial.told else []), f"it raised: {trial.failed}"),
    )
