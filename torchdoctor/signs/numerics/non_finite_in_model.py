"""One forward and backward pass gives NaN or infinity, in the output, the loss or the gradients."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import FiniteTrial


@on_record(FiniteTrial)
def sign(trial: FiniteTrial) -> Iterator[Diagnosis]:
    """The place is the first operation that made it of finite values; of the backward pass, its line in the forward."""
    if not trial.what:
        return
    first = trial.operation
    under = f" under autocast in {trial.dtype}" if trial.dtype else ""
    if trial.given:
        yield Diagnosis(
            f"the batch itself holds NaN or infinity, and so does the {trial.what} of `{trial.model}`{under}"
        )
        return
    made = f": {first.words} makes the first" if first is not None else ""
    what = f"the {trial.what} of `{trial.model}` {'hold' if trial.what == 'gradients' else 'holds'} {trial.value}"
    yield Diagnosis(
        f"{what}{under}{made}",
        at=first.at if first is not None else None,
        roots=(Root(trial.module, "built here"),) if trial.module is not None else (),
        evidence=(
            *((first.where,) if first is not None and first.where else ()),
            *((f"parameters: {', '.join(f'`{name}`' for name in trial.names[:4])}",) if trial.names else ()),
        ),
    )
