"""`torch.fx.symbolic_trace` of code that asks a traced tensor for its value or length."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "symbolically traced variables cannot be used as inputs to control flow",
    "Proxy object cannot be iterated",
    "'{function:w}' is not supported in symbolic tracing by default",
    "'Proxy' object cannot be interpreted as an integer",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's line is the one that was being traced."""
    text = failure.user.text.strip() if failure.user is not None else ""
    at = f"`{text}`" if text and "`" not in text and len(text) < 90 else "a line"
    module = failure.user.module if failure.user is not None else None
    if "control flow" in said.text:
        what = "branches on a tensor, and in tracing it has no value yet"
    elif "iterated" in said.text:
        what = "goes through a tensor, and in tracing nobody knows how long it is"
    elif "integer" in said.text:
        what = "counts up to a size, and in tracing sizes have no value yet"
    else:
        what = f"calls `{said['function']}` of a tensor, which Python wants a number from"
    leaf = f"`is_leaf_module` keeps `{module.type}` whole" if module is not None else "`is_leaf_module` keeps it whole"
    yield Diagnosis(
        f"{at} {what}",
        cures=(
            "`torch.where` in place of the branch, operations on whole tensors in place of the loop",
            "a branch on a flag: give its value to the tracer, `symbolic_trace(model, concrete_args={'flag': True})`",
            f"`torch.fx.wrap` for a function of its own; for a layer, a `Tracer` whose {leaf}",
            "`torch.export.export(model, (x,))`, which traces with values at hand",
        ),
        roots=(Root(module, "the module that is traced is built here"),) if module is not None else (),
    )
