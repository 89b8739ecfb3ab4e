"""A cross entropy whose target is of a dtype that is neither class indices nor probabilities."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made

_LOSSES = ("cross_entropy", "nll_loss", "nll_loss_nd", "cross_entropy_loss", "CrossEntropyLoss", "NLLLoss")


@on_failure(
    "expected target dtype to be Long or Byte, but got {dtype:w}",
    "Expected floating point type for target with class probabilities, got {dtype:w}",
    "expected scalar type Long but found {dtype:w}",
    # The fake kernels of torch.compile take the loss apart, and it is a gather that refuses the target.
    "<function cross_entropy {}Expected dtype int32/int64 for index, but got {dtype:w}",
    "<function nll_loss {}Expected dtype int32/int64 for index, but got {dtype:w}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Floats of the scores' shape would have been probabilities; integers of that shape are one-hot."""
    labels, scores = failure.operand("target", 1), failure.tensor("input", 0)
    target = labels.tensor if labels is not None else None
    if (
        not failure.calls(*_LOSSES)
        and "<function" not in said.text
        and ("expected scalar type" in said.text or target is not None)
    ):
        return
    if target is None or labels is None:
        yield Diagnosis(f"the target of a cross entropy is of the dtype {dtype_of(said['dtype'])}")
        return
    name, code = failure.name_of(labels, "a tensor"), code_of(failure, labels, "target")
    yield Diagnosis(
        f"{name}, the target of the cross entropy, is {target.dtype} of shape {target.size_text}",
        cures=tuple(_cures(target, scores, code)),
        roots=made(labels, f"{target.dtype} is made here", "dtype"),
        evidence=tuple(_why(target, scores)),
    )


def _cures(target: TensorRecord, scores: TensorRecord | None, code: str) -> Iterator[str]:
    shape = scores.shape if scores is not None else None
    if shape and target.shape == shape and not target.floating:
        if len(shape) == 2 and shape[1] == 1:
            yield f"`F.binary_cross_entropy_with_logits(scores, {code}.float())`: there is one score a sample"
        else:
            yield f"`{code}.argmax(1)`: class indices, if the target is one-hot"
            yield f"`{code}.float()`: probabilities of the scores' shape"
    elif shape and len(shape) > 1 and shape[1] == 1:
        yield f"`F.binary_cross_entropy_with_logits(scores.squeeze(1), {code}.float())`: there is one score a sample"
        yield "a last layer with one output for each class, if there are several"
    elif target.whole is False:
        yield f"`F.mse_loss`, if {code} are amounts and no classes: they are not whole numbers"
    elif shape and len(shape) > 1 and target.shape == (*shape[:1], 1, *shape[2:]):
        yield f"`{code}.squeeze(1).long()`: int64 class indices, without the dimension of size 1"
    else:
        yield f"`{code}.long()`: class indices are int64"


def _why(target: TensorRecord, scores: TensorRecord | None) -> Iterator[str]:
    if scores is not None and scores.shape:
        yield f"the scores are {scores.size_text}"
    if target.whole is not None and target.least is not None and target.most is not None:
        yield f"the target's values lie between {target.least:g} and {target.most:g}"
