"""`binary_cross_entropy` of what is no probability: a raw score, a NaN, a label that is no 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "all elements of {which:w} should be between 0 and 1",
    "Assertion `input_val >= zero && input_val <= one` failed",
    "Assertion `target_val >= zero && target_val <= one` failed",
    raises=("RuntimeError", "AcceleratorError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The extremes of the operand that the text names are at hand on CPU."""
    target = said["which"] == "target" or "target_val" in said.text
    value = failure.operand("target", 1) if target else failure.operand("input", 0)
    tensor = value.tensor if value is not None else None
    word = "target" if target else "prediction"
    code = code_of(failure, value, "target" if target else "pred")
    name = failure.name_of(value, f"the {word}")
    if tensor is None or (tensor.least is None and not tensor.nans):
        yield Diagnosis(
            f"the {word} of a binary cross entropy holds values outside of 0 to 1", tuple(_cures(target, code, None))
        )
        return
    if tensor.nans:
        yield Diagnosis(
            f"{name} holds {tensor.nans} NaN of {tensor.numel}: a comparison with 0 and 1 fails for them",
            cures=("look for the first NaN: `torch.autograd.set_detect_anomaly(True)`, `assert x.isfinite().all()`",),
            roots=made(value, f"{name} is made here", "value"),
        )
        return
    yield Diagnosis(
        f"{name} lies between {tensor.least:.3g} and {tensor.most:.3g}, and binary cross entropy wants 0 to 1",
        cures=tuple(_cures(target, code, tensor.most)),
        roots=made(value, f"{name} is made here", "value"),
    )


def _cures(target: bool, code: str, most: float | None) -> Iterator[str]:
    if not target:
        yield "`nn.BCEWithLogitsLoss()` (`F.binary_cross_entropy_with_logits`): it takes scores and applies the sigmoid"
        yield f"`{code}.sigmoid()`, if probabilities are wanted elsewhere too"
    elif most is not None and most == 255:
        yield f"`{code} / 255`: the mask holds pixel values"
    elif most is not None and 1 < most < inf and most == int(most):
        yield f"`F.cross_entropy` with one score for each class, if the labels up to {most:g} are classes"
        yield f"`(({code}) > 0).float()`, if everything above 0 means yes"
    else:
        yield "labels of 0 and 1, or probabilities between them"
