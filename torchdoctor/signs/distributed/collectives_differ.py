"""Ranks that are in different collectives, or in one with different sizes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Detected mismatch between collectives on ranks. Rank {a:d} is running collective: CollectiveFingerPrint("
    "{}OpType={mine:w}{}but Rank {b:d} is running collective: CollectiveFingerPrint({}OpType={its:w}",
    "Detected mismatch between collectives on ranks",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """With TORCH_DISTRIBUTED_DEBUG=DETAIL each rank's operation and sizes stand in the text."""
    mine, its = (said["mine"] or "").strip(","), (said["its"] or "").strip(",")
    if mine and mine == its:
        what = f"ranks {said['a']} and {said['b']} are in the same {mine} with different sizes or dtypes"
        cure = "bring the tensors to one size first: pad, or gather with `all_gather_object`"
    elif mine:
        what = f"rank {said['a']} is in {mine} while rank {said['b']} is in {its}"
        cure = "the same collectives in the same order on all ranks: look for a branch on the rank or on the data"
    else:
        what, cure = "the ranks are in different collectives", "the same collectives in the same order on all ranks"
    yield Diagnosis(what, cures=(cure, "the texts after this one show each rank's shapes and the place of the call"))
