"""A guarded test or block holds more memory at once than it may."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import HeldRecord, PeakRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.sign import Diagnosis, Root, on_record


@on_record(PeakRecord)
def sign(peak: PeakRecord) -> Iterator[Diagnosis]:
    """The place is the line whose result holds most at the peak, where that is known: on the CPU."""
    if peak.peak <= peak.limit:
        return
    what = f"`{peak.test}`" if peak.test else "the block"
    where = "tensors on the CPU" if peak.device == "cpu" else f"torch's allocator on {peak.device}"
    first = peak.largest[0].operation if peak.largest else None
    yield Diagnosis(
        f"{what} holds {size_text(peak.peak)} at once, by {where}; the limit is {size_text(peak.limit)}",
        at=first.at if first is not None else None,
        roots=(Root(first.caller, "called from here"),) if first is not None and first.caller is not None else (),
        evidence=tuple(_held(one) for one in peak.largest[:4]),
    )


def _held(one: HeldRecord) -> str:
    at = one.operation.at
    name = at.path.replace("\\", "/").rpartition("/")[2] if at is not None else ""
    place = f", made at line {at.line} of {name}" if at is not None else ""
    what = one.operation.result or "a tensor"
    return f"at the peak: {size_text(one.bytes)} in {what} of {one.operation.words}{place}"
