"""In eval mode the same batch gives another output each time: random numbers are drawn, or a state goes on."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import EvalTrial


@on_record(EvalTrial)
def sign(trial: EvalTrial) -> Iterator[Diagnosis]:
    """The first operation whose results differ is the place."""
    if trial.kind not in ("random", "unstable") or not trial.differs:
        return
    first = trial.operation
    what = f"{first.words} gives other results" if first is not None else "the outputs differ"
    why = "from run to run" if trial.kind == "random" else "even with the random numbers fixed"
    roots = (Root(trial.module, "built here"),) if trial.module is not None else ()
    yield Diagnosis(
        f"`{trial.model}` in eval mode does not repeat its output: {what} {why}",
        at=first.at if first is not None else None,
        roots=roots,
        evidence=(
            *((first.where,) if first is not None and first.where else ()),
            f"the outputs of two runs differ by {trial.difference:.2g} of the largest value",
        ),
    )
