"""GradScaler's calls out of order: `unscale_` or `step` twice, after each other, or `update` before `scale`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_TWICE = "unscale_() has already been called on this optimizer since the last update()"
_STEPPED = "step() has already been called since the last update()"
_AFTER = "unscale_() is being called after step()"
_NEVER = "Attempted {call:w} but _scale is None"


@on_failure(_TWICE, _STEPPED, _AFTER, _NEVER, raises=("RuntimeError", "AssertionError"))
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Each text names the two calls that are out of order."""
    held = failure.asked.operand("self") if failure.asked is not None else None
    given = failure.asked.operand("optimizer", 0) if failure.asked is not None else None
    name = held.code if held is not None and held.code else "scaler"
    optimizer = given.code if given is not None and given.code else "optimizer"
    order = (
        f"`{name}.scale(loss).backward()`, `{name}.unscale_({optimizer})`, `{name}.step({optimizer})`, "
        f"`{name}.update()`"
    )
    if "call" in said:
        yield Diagnosis(
            f"`{name}.{said['call']}` is called, and `{name}` has not scaled a loss yet",
            cures=(f"`{name}.scale(loss).backward()` instead of `loss.backward()`", f"the order of a step: {order}"),
        )
    elif "already been called on" in said.text:
        yield Diagnosis(
            f"the gradients of `{optimizer}` are unscaled a second time, without `{name}.update()` in between",
            cures=(
                f"`{name}.unscale_({optimizer})` once a step, right before clipping",
                f"with accumulation, unscale, step and update only when the last part is done; the order: {order}",
            ),
        )
    elif "being called after" in said.text:
        yield Diagnosis(
            f"the gradients of `{optimizer}` are unscaled after `{name}.step({optimizer})`, which has unscaled "
            "them itself",
            cures=(f"the order of a step: {order}",),
        )
    else:
        yield Diagnosis(
            f"`{optimizer}` is stepped a second time, without `{name}.update()` in between",
            cures=(f"`{name}.update()` at the end of every step", f"the order of a step: {order}"),
        )
