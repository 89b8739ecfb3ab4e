"""Python's garbage collector at work in the steps. Silent where it takes little of them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent, time_text
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.signs._steps import count, settled
from torchdoctor.step_record import WatchRecord

_SHARE, _LOST_S = 0.1, 0.3


@on_record(WatchRecord)
def sign(watch: WatchRecord) -> Iterator[Diagnosis]:
    steps = settled(watch)
    spent, whole = sum(one.collecting for one in steps), sum(one.seconds for one in steps)
    if spent < _LOST_S or spent < _SHARE * whole:
        return
    often = sum(one.steps for one in steps if one.collecting / one.steps > 0.5 * spent / count(steps))
    explicit = often > 0.8 * count(steps)
    each = time_text(spent / count(steps))
    yield Diagnosis(
        f"the garbage collector of Python takes {percent(spent, whole)} of the steps: {each} a step",
        cures=(
            *(("take `gc.collect()` out of the loop: tensors are freed without it, as soon as no name holds them",)
              if explicit else ()),
            "`gc.freeze()` after everything is built: what is there then is looked through no more",
            "`gc.disable()` in the loop, and `gc.collect()` once an epoch",
        ),
        evidence=(f"{time_text(spent)} in {count(steps):,} steps" + (", about the same in each" if explicit else ""),),
    )  # fmt: skip
