"""When a guarded test or block has ended, something of it is left: tensors, hooks, settings of torch."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.guard_record import LeftRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.sign import Diagnosis, Root, on_record


@on_record(LeftRecord)
def sign(left: LeftRecord) -> Iterator[Diagnosis]:
    """One finding each for tensors, hooks and settings. The place is the line that made most of the tensors."""
    what = f"`{left.test}`" if left.test else "the block"
    if left.tensors:
        first = left.operations[0] if left.operations else None
        held = f", held by {', '.join(f'`{name}`' for name in left.holders)}" if left.holders else ""
        graphs = f", {left.graphs} with a graph" if left.graphs else ""
        yield Diagnosis(
            f"{what} leaves {left.tensors} tensor{'s' if left.tensors > 1 else ''} of {size_text(left.bytes)} alive"
            f"{graphs}{held}",
            at=first.at if first is not None else None,
            roots=tuple(Root(one.at, "made here too") for one in left.operations[1:] if one.at is not None),
        )
    for words, span in left.hooks:
        yield Diagnosis(f"{what} leaves a hook on {words}", at=span)
    for words in left.settings:
        yield Diagnosis(f"{what} leaves torch set otherwise: {words}")
