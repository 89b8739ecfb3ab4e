"""An `autograd.Function` of the old kind: methods that are not static, and an object that is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_CALLED = re.compile(r"([A-Za-z_][\w.]*)\(.*\)\(.*\)", re.DOTALL)  # `Clip()(x)`


@on_failure("Legacy autograd function with non-static forward method is deprecated", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The class is what the user's expression calls, or the class of what it calls."""
    callee = failure.asked.callee if failure.asked is not None else None
    name = callee.type if callee is not None and callee.type not in ("", "type", "FunctionMeta") else ""
    written = _CALLED.match(failure.asked.code) if failure.asked is not None else None
    name = name or (written[1] if written is not None else "")
    shown = f"`{name}`" if name else "the function"
    yield Diagnosis(
        f"{shown} is an autograd function of the old kind: an object that is called, with a `forward` that is not "
        "static",
        cures=(
            f"`{name or 'F'}.apply(x)` instead of `{name or 'F'}()(x)`, with `@staticmethod` on `forward(ctx, x)` and "
            "`backward(ctx, grad)`",
            "keep what the constructor kept in `ctx`: pass it to `apply` as a further argument",
        ),
    )
