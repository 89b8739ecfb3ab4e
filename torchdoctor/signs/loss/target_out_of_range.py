"""A class index that the scores have no column for: `cross_entropy` and `nll_loss`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Target {target:d} is out of bounds", raises="IndexError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The number of classes is the scores' second size (of scores of rank one, the only one)."""
    target, scores, labels = said["target"], failure.tensor("input", 0), failure.operand("target", 1)
    classes = _classes(scores)
    name = failure.name_of(labels, "the target")
    if classes is None:
        yield Diagnosis(f"the class index {target} stands in the target, and the scores have no column for it")
        return
    layer = _last_layer(failure, classes)
    yield Diagnosis(
        f"{name} holds the class {target}, and the scores are of {classes} classes: 0 to {classes - 1}",
        cures=tuple(_cures(target, classes, name)),
        roots=(Root(labels, f"{name} is made here", "value"),) if labels is not None else (),
        evidence=tuple(layer),
    )


def _classes(scores: TensorRecord | None) -> int | None:
    if scores is None or not scores.shape:
        return None
    return scores.shape[1] if len(scores.shape) > 1 else scores.shape[0]


def _last_layer(failure: Failure, classes: int) -> Iterator[str]:
    labels = failure.tensor("target", 1)
    if labels is not None and labels.least is not None and labels.most is not None:
        yield f"the classes in the target lie between {labels.least:.0f} and {labels.most:.0f}"


def _cures(target: int, classes: int, name: str) -> Iterator[str]:
    if target == classes:
        yield f"`{name.strip('`')} - 1`, if the classes are numbered from 1"
        yield f"a last layer of {classes + 1} outputs, if there are {classes + 1} classes"
    elif target < 0:
        yield f"`ignore_index={target}`, if {target} marks what does not count"
    else:
        yield f"a last layer of at least {target + 1} outputs, if {target} is a class"
        yield f"`ignore_index={target}`, if {target} marks what does not count"
