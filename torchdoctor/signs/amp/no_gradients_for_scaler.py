"""GradScaler found no gradient in the optimizer's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("No inf checks were recorded for this optimizer", raises="AssertionError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """No parameter of the optimizer has a gradient: which of the reasons it is, the code decides."""
    given = failure.asked.operand("optimizer", 0) if failure.asked is not None else None
    name = failure.name_of(given, "the optimizer")
    facts = next((o.facts for o in failure.objects if given is not None and o.name == given.code), {})
    count = facts.get("parameters")
    of = (
        f"none of the {count} parameters of {name}"
        if isinstance(count, int) and count > 1
        else f"no parameter of {name}"
    )
    others = [o.name for o in failure.objects if o.kind == "optimizer" and given is not None and o.name != given.code]
    yield Diagnosis(
        f"{of} has a gradient when the scaler steps it",
        cures=(
            "call `scaler.scale(loss).backward()` before, and `zero_grad()` not between the two",
            "hand the scaler the optimizer whose model the loss was computed with: "
            f"{', '.join(f'`{o}`' for o in others)}"
            if others
            else "make the optimizer of the very model that the loss is computed with, after any copy or wrapping",
            "skip `scaler.step` where this loss trains none of its parameters (frozen, or unused in this step)",
        ),
    )
