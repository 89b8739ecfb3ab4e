"""An operation in a guarded test or block gives NaN."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import NanRecord
from torchdoctor.sign import Diagnosis, Root, on_record


@on_record(NanRecord)
def sign(nan: NanRecord) -> Iterator[Diagnosis]:
    """The first one is the place; of the backward pass, the line of the forward pass whose gradient it is."""
    first = nan.operation
    if first is None:
        return
    came = "is given NaN, and hands it on" if nan.given else "gives NaN, and was given none"
    yield Diagnosis(
        f"{first.words} {came}: the first operation in {f'`{nan.test}`' if nan.test else 'the block'} that does",
        at=first.at,
        roots=(Root(first.caller, "called from here"),) if first.caller is not None else (),
        cures=("find where the infinity comes from: an overflow, a step too large, x / 0, a row masked whole",)
        * nan.infinite,
        evidence=(
            *([first.where] if first.where else []),
            *(["it is given infinity"] if nan.infinite else []),
            *([f"its result: {first.result}"] if first.result else []),
        ),
    )
