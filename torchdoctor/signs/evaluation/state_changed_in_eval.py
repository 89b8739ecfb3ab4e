"""A forward pass in eval mode changes the model's own buffers: what it answers depends on what it was asked before."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import EvalTrial


@on_record(EvalTrial)
def sign(trial: EvalTrial) -> Iterator[Diagnosis]:
    """Buffers of floating numbers that are saved with the model; counters and caches are none."""
    if trial.kind != "state" or not trial.names:
        return
    first = f"`{trial.model}.{trial.names[0]}`"
    more = f" and {len(trial.names) - 1} more buffers" if len(trial.names) > 1 else ""
    writer = trial.operation
    yield Diagnosis(
        f"a forward pass in eval mode changes {first}{more}"
        + (f": {writer.words} writes" if writer is not None else ""),
        at=writer.at if writer is not None else None,
        roots=(Root(trial.module, "built here"),) if trial.module is not None else (),
        evidence=(", ".join(f"`{name}`" for name in trial.names[:6]),) if more else (),
    )
