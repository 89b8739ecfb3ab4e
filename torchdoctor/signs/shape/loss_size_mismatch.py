"""A loss whose prediction and target do not go together, in the words of each loss.

Only their shapes are told of here; a target of a wrong dtype is another rule's.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made
from torchdoctor.signs.shape import _targets


@on_failure(
    "Expected input batch_size ({rows:d}) to match target batch_size ({labels:d})",
    "0D or 1D target tensor expected, multi-target not supported",
    "multi-target not supported at",
    "Expected target size {wanted:s}, got {target:s}",
    "only batches of spatial targets supported (3D tensors) but got targets of dimension: {rank:d}",
    "size mismatch (got input: {input:s} , target: {target:s}",
    "Using a target size ({target:s}) that is different to the input size ({input:s}) is deprecated",
    "Target size ({target:s}) must be the same as input size ({input:s})",
    raises=("ValueError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """In a live run both tensors are at hand, as the loss's first two operands."""
    first, second = failure.operand("input", 0), failure.operand("target", 1)
    scores, target = failure.tensor("input", 0), failure.tensor("target", 1)
    if scores is None or target is None or scores.shape is None or target.shape is None:
        yield Diagnosis(_from_text(said), tuple(_text_cures(said)))
        return
    s, t = failure.name_of(first, "a prediction"), failure.name_of(second, "a target")
    elementwise = said["input"] is not None and scores.rank is not None and "size mismatch" not in failure.message
    find = _targets.elementwise if elementwise else _targets.of_classes
    turned = _targets.turned(failure, scores, target)
    if turned is not None:
        yield Diagnosis(
            f"the loss gets {s} {scores.size_text} for {t} {target.size_text}: the time of `{turned.code}` "
            f"{turned.tensor.size_text if turned.tensor else ''} was taken for the batch",
            (
                f"`{turned.code}.transpose(0, 1)`: time first, as the recurrent layer takes it",
                "`batch_first=True` for the recurrent layer, and `out[:, -1]` for its last step",
            ),
            roots=made(turned, f"`{turned.code}` is made here, batch first", "shape"),
        )
        return
    yield Diagnosis(
        f"the loss gets {s} of shape {scores.size_text} for {t} of shape {target.size_text}",
        cures=tuple(find(scores, target, code_of(failure, first, "scores"), code_of(failure, second, "target"))),
        roots=(
            *made(first, f"{scores.size_text} is made here", "shape"),
            *made(second, f"{target.size_text} is made here", "shape"),
        ),
        evidence=() if elementwise else tuple(_targets.why(scores, target)),
    )


def _from_text(said: Said) -> str:
    if said["rows"] is not None:
        return f"the scores are of {said['rows']} samples and the target of {said['labels']}"
    if said["wanted"] is not None:
        return f"the scores want class indices of shape {said['wanted']}, and the target is {said['target']}"
    if said["input"] is not None:
        return f"the prediction has the shape {said['input']} and the target {said['target']}"
    return "the target has more dimensions than class indices have"


def _text_cures(said: Said) -> Iterator[str]:
    sizes = said["input"], said["target"]
    if all(sizes):
        yield from _targets.elementwise(
            TensorRecord(sizes[0], "float32"), TensorRecord(sizes[1], "float32"), "pred", "target"
        )
    elif said["wanted"] is not None:
        yield "`scores.movedim(-1, 1)`, where the classes stand last: they belong in the second dimension"
    elif said["rows"] is None:
        yield "`target.squeeze(1)` of a column of indices, or `target.argmax(1)` of a one-hot target"
