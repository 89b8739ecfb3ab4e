"""torch.compile breaks the graph in a guarded test or block."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import BreakRecord
from torchdoctor.sign import Diagnosis, on_record


@on_record(BreakRecord)
def sign(record: BreakRecord) -> Iterator[Diagnosis]:
    """A finding a break, at the line where the graph ends."""
    what = f"`{record.test}`" if record.test else "the block"
    for place, reason in record.breaks:
        yield Diagnosis(
            f"torch.compile breaks the graph in {what}",
            at=place,
            evidence=(f"its reason: {reason}",) if reason else (),
        )
