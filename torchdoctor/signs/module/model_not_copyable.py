"""The model cannot be copied or pickled: an attribute of it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import CopyTrial


@on_record(CopyTrial)
def sign(trial: CopyTrial) -> Iterator[Diagnosis]:
    """The first attribute that fails by itself is the culprit."""
    if trial.kind not in ("deepcopy", "pickle") or not trial.error:
        return
    how = "`copy.deepcopy`" if trial.kind == "deepcopy" else "pickle"
    one = trial.culprit
    name = trial.names[0] if trial.names else ""
    what = f": `{trial.model}.{name}` is a {trial.type}" if name and trial.type else ""
    yield Diagnosis(
        f"{how} refuses `{trial.model}`{what}",
        roots=(Root(one, "set here"),) if one is not None else (),
        evidence=(f"it raised {trial.error}",),
    )
