"""OneCycleLR stepped more often than it was told: it counts batches, not epochs."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.optim._steps import course


@on_failure("Tried to step {n:d} times. The specified number of total steps is {total:d}", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The total stands in the text; what the loader and the epochs would come to is looked for in the frame."""
    total = said["total"]
    held = failure.asked.operand("self") if failure.asked is not None else None
    name = failure.name_of(held, "the scheduler")
    facts = next((o.facts for o in failure.objects if o.kind == "scheduler" and held and o.name == held.code), {})
    steps = facts.get("total_steps")
    known = list(course(failure, total))
    general = (
        "`OneCycleLR(optimizer, max_lr, epochs=epochs, steps_per_epoch=len(loader))`, where it is stepped every batch",
    )
    yield Diagnosis(
        f"{name} was made for {total} steps, and this is step {total + 1}",
        cures=(
            *(known or general),
            f"step it once an epoch, outside of the loop over batches, where {steps or total} is the number of epochs",
            "with gradient accumulation: `steps_per_epoch=math.ceil(len(loader) / accumulate)`",
        ),
        roots=(Root(held, f"{name} is made here, for {total} steps", "value"),) if held is not None else (),
    )
