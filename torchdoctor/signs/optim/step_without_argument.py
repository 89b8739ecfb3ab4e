"""`step()` of an optimizer or scheduler that needs an argument: LBFGS a closure, ReduceLROnPlateau a metric."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "{type:w}.step() missing 1 required positional argument: '{what:w}'",
    "step() missing 1 required positional argument: '{what:w}'",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The missing argument names the class; the user's name for it is what `step` is called on."""
    what = said["what"]
    if what not in ("closure", "metrics"):
        return
    held = failure.asked.operand("self") if failure.asked is not None else None
    name = held.code if held is not None and held.code else ("optimizer" if what == "closure" else "scheduler")
    kind = said["type"] or ("LBFGS" if what == "closure" else "ReduceLROnPlateau")
    roots = (Root(held, f"`{name}` is made here", "value"),) if held is not None else ()
    if what == "closure":
        yield Diagnosis(
            f"`{name}` is an `{kind}`, which computes the loss several times in a step: `step` takes a function "
            "that does",
            cures=(
                f"`{name}.step(closure)`, where `closure()` zeroes the gradients, runs backward and returns the loss",
            ),
            roots=roots,
        )
    else:
        yield Diagnosis(
            f"`{name}` is a `{kind}`, which watches a metric: `step` takes its value",
            cures=(f"`{name}.step(val_loss)`, once an epoch, after the validation",),
            roots=roots,
        )
