"""Run twice from the same random numbers, a test does not compute the same bits."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import RepeatRecord
from torchdoctor.sign import Diagnosis, Root, on_record


@on_record(RepeatRecord)
def sign(run: RepeatRecord) -> Iterator[Diagnosis]:
    """The first operation that differs is the place: what comes after it differs on its account."""
    first = run.first
    if first is None:
        return
    what = f"`{run.test}`" if run.test else "the block"
    other = run.other
    before = f"after {run.number} operations that agree " if run.number else "from the first operation on: "
    how = f"stands where the first run has {other.words}" if other is not None else "gives other bits"
    how = "comes in one of them only" if run.alone else how
    yield Diagnosis(
        f"two runs of {what} from the same seeds differ: {before}{first.words} {how}",
        at=first.at,
        roots=(
            *((Root(first.caller, "called from here"),) if first.caller is not None else ()),
            *((Root(other.at, "the first run is here"),) if other is not None and other.at is not None else ()),
        ),
    )
