"""Ranks that have built different models."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "DDP expects same model across all ranks, but Rank {a:d} has {n:d} params, while rank {b:d} has inconsistent "
    "{m:d} params",
    "[{r:d}]: params[{k:d}] in this process with sizes {size:s} appears not to match",
    "params[{k:d}] in this process with sizes {size:s} appears not to match",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds both numbers, or one parameter's sizes on this rank."""
    if "n" in said:
        what = f"rank {said['a']} has {said['n']} parameters and rank {said['b']} has {said['m']}"
    else:
        own = shape_text(said["size"]) if said["size"] else "()"
        rank = f"rank {said['r']}" if "r" in said else "this rank"
        what = f"the parameter of index {said['k']} is {own} on {rank} and another size on rank 0"
    yield Diagnosis(
        f"the ranks have built different models: {what}",
        cures=(
            "build it from the same settings everywhere: no branch on the rank, and sizes (classes, vocabulary) "
            "not counted "
            "from this rank's part of the data",
            "read the vocabulary or the number of classes once, before the data is parted, or broadcast it from rank 0",
        ),
    )
