"""A backward step that gave nan, found by anomaly mode: which function has no finite slope there, and what to write."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

# Node: why its gradient is nan, what to write.
_WHY = {
    "Sqrt": (
        "the slope of `sqrt` at 0 is infinite, and 0 * inf is nan",
        "`torch.sqrt(x + 1e-12)`, or `x.clamp_min(1e-12)`",
    ),
    "Log": ("the slope of `log` at 0 is infinite, and 0 * inf is nan", "`torch.log(x.clamp_min(1e-12))`"),
    "Div": ("a division by 0, or of inf by inf, has no slope", "`a / (b + 1e-12)`, or `b.clamp_min(1e-12)`"),
    "Pow": (
        "0 times an infinite slope, of p below 1 at 0, or of a square root of 0 that follows",
        "`(x.square().sum(-1) + 1e-12).sqrt()`, where a root follows; `x.clamp_min(1e-12) ** p`",
    ),
    "LinalgVectorNorm": ("a norm has no slope at 0", "`(x.square().sum(-1) + 1e-12).sqrt()`"),
    "Norm": ("a norm has no slope at 0", "`(x.square().sum(-1) + 1e-12).sqrt()`"),
    "Cdist": ("a distance has no slope at 0", "add a small number inside the square root"),
    "Std": ("the standard deviation of equal numbers has no slope", "`(x.var(-1) + 1e-12).sqrt()`"),
    "Acos": ("the slope of `acos` at -1 and 1 is infinite", "`torch.acos(x.clamp(-1 + 1e-6, 1 - 1e-6))`"),
    "Asin": ("the slope of `asin` at -1 and 1 is infinite", "`torch.asin(x.clamp(-1 + 1e-6, 1 - 1e-6))`"),
    "Atan2": ("`atan2(0, 0)` has no slope", "add a small number to the second argument"),
    "Softmax": ("a row of nothing but -inf (all masked) gives nan", "leave one place of each row unmasked"),
    "LogSoftmax": ("a row of nothing but -inf (all masked) gives nan", "leave one place of each row unmasked"),
    "Mul": (
        "0 times inf: a factor, or the gradient from what follows, is infinite",
        "look at what follows and at the factors: a `log`, a root or a division at 0, an `exp`",
    ),
    "Exp": ("`exp` overflows beyond 88 in float32, and inf * 0 is nan", "`torch.exp(x.clamp_max(80))`"),
}


@on_failure("Function '{node:w}' returned nan values in its {k:d}th output", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The node stands in the text; where its forward call was is what anomaly mode prints as a warning."""
    node = said["node"].rstrip("0123456789").removesuffix("Backward").lstrip("_")
    why, cure = _WHY.get(node, ("", ""))
    yield Diagnosis(
        f"the gradient of `{said['node']}` is nan" + (f": {why}" if why else ""),
        cures=(
            *((cure,) if cure else ()),
            "the forward call is in the warning above this error: `Error detected in ...`, with its own traceback",
            "`torch.where(ok, f(x), 0)` does not help: guard the input, `f(torch.where(ok, x, 1))`",
        ),
    )
