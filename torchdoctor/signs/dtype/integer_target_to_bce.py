"""A binary cross entropy whose target is no float of the prediction's dtype."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made

_LOSSES = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "BCELoss", "BCEWithLogitsLoss")


@on_failure(
    "Found dtype {found:w} but expected {wanted:w}",
    "result type {wanted:w} can't be cast to the desired output type {found:w}",
    # The fake kernels of torch.compile find an integer mean at the end of the loss.
    "<function binary_cross_entropy_with_logits {}could not infer output dtype. {}Got: {found:w}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Both texts have other causes as well: only a loss among what failed is this one's, or a text that says Long."""
    labels, scores = failure.operand("target", 1), failure.tensor("input", 0)
    target = labels.tensor if labels is not None else None
    if failure.calls(*_LOSSES) and labels is not None and target is not None:
        name, code = failure.name_of(labels, "the target"), code_of(failure, labels, "target")
        dtype = scores.dtype if scores is not None else "float32"
        cast = {"float32": f"{code}.float()", "float64": f"{code}.double()", "float16": f"{code}.half()"}
        yield Diagnosis(
            f"{name} is {target.dtype}, and the prediction is {dtype}: the loss wants one dtype",
            cures=(f"`{cast.get(dtype, f'{code}.to(torch.{dtype})')}`",),
            roots=made(labels, f"{target.dtype} is made here", "dtype"),
        )
    elif failure.calls("backward") and "Found dtype" in said.text:
        yield Diagnosis(
            f"a loss met a target of {said['found']} in forward, and its backward takes {said['wanted']} alone",
            cures=("`target.float()` before the loss",),
            sure=False,
        )
    elif "<function" in said.text:
        yield Diagnosis(
            f"a binary cross entropy was given a target of {dtype_of(said['found'])}",
            cures=("`target.float()` before the loss",),
        )
    elif not failure.live and "Found dtype" in said.text:
        yield Diagnosis(
            f"a loss was given a {said['found']} where it takes {said['wanted']}, the prediction's dtype",
            cures=("`target.float()` before the loss",),
            sure=False,
        )
