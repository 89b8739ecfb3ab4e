"""Guarded code reads a value, or makes another sync: the program waits for the GPU."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import SyncRecord
from torchdoctor.sign import Diagnosis, Root, on_record


@on_record(SyncRecord)
def sign(sync: SyncRecord) -> Iterator[Diagnosis]:
    """A finding a line. On the CPU it is what would wait on a GPU."""
    what = f"`{sync.test}`" if sync.test else "the block"
    waits = "waits for the GPU" if sync.device != "cpu" else "would wait for the GPU, if its tensor were on one"
    for operation, count in sync.operations[:_MOST]:
        times = f", {count} times" if count > 1 else ""
        yield Diagnosis(
            f"{operation.words} {waits}{times} in {what}",
            at=operation.at,
            roots=(Root(operation.caller, "called from here"),) if operation.caller is not None else (),
        )


_MOST = 20
