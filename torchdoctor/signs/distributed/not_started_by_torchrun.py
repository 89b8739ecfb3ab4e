"""A distributed program that was started by python: RANK and the other variables of torchrun are missing."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Error initializing torch.distributed using env:// rendezvous: environment variable {name:w} expected, but not set",
    raises="ValueError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The first variable that is missing stands in the text; RANK means that all are."""
    name = said["name"]
    all_missing = name == "RANK" and "WORLD_SIZE" not in failure.environment
    script = "train.py"
    yield Diagnosis(
        f"`{name}` is not set: this process does not know which of how many it is"
        + ("; `torchrun` sets it, `python` does not" if all_missing else ""),
        cures=(
            f"start it with `torchrun --nproc-per-node=2 {script}` (as many as there are GPUs)",
            f"alone, to debug: `RANK=0 WORLD_SIZE=1 MASTER_ADDR=localhost MASTER_PORT=29500 python {script}`",
            "under Slurm: `torchrun` inside of `srun`, or set `RANK=$SLURM_PROCID` and `WORLD_SIZE=$SLURM_NTASKS`",
        ),
    )
