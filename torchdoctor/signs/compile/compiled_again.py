"""torch.compile compiles a function again in a guarded test or block."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import RecompileRecord
from torchdoctor.sign import Diagnosis, on_record


@on_record(RecompileRecord)
def sign(record: RecompileRecord) -> Iterator[Diagnosis]:
    """A finding a function and guard, in the words of torch."""
    what = f"`{record.test}`" if record.test else "the block"
    for function, place, guard in record.recompiles:
        yield Diagnosis(
            f"torch.compile compiles `{function}` again in {what}",
            at=place,
            evidence=(f"the guard that failed: {guard}",) if guard else (),
        )
