"""What to do about a prediction and a target whose shapes do not go together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord, ValueRecord, shape_text


def of_classes(scores: TensorRecord, target: TensorRecord, s: str, t: str) -> Iterator[str]:
    """``s`` and ``t`` are what the user's code calls the scores and the target. The likeliest first."""
    shape, labels = scores.shape or (), target.shape or ()
    if not shape or not labels:
        return
    wanted = shape[:1] + shape[2:]
    ones = [axis for axis, size in enumerate(labels) if size == 1 and labels[:axis] + labels[axis + 1 :] == wanted]
    if ones:
        axis = ones[-1] if len(labels) == 2 or ones[-1] == len(labels) - 1 else ones[0]
        yield f"`{t}.squeeze({axis})`: the class indices are then {shape_text(wanted)}"
    elif 1 < len(shape) == len(labels) and labels[:1] + labels[2:] == wanted and labels[1] == shape[1]:
        yield f"`{t}.argmax(1)`: the class indices of a one-hot target"
        yield f"`{t}.float()`: probabilities of the scores' shape"
    elif len(shape) > 2 and labels == shape[:-1]:
        yield f"`{s}.movedim(-1, 1)`: the classes stand second then, {shape_text((shape[0], shape[-1], *shape[1:-1]))}"
        yield f"flatten both: `{s}.reshape(-1, {shape[-1]})` and `{t}.reshape(-1)`"
    elif len(shape) == 3 and len(labels) == 2 and labels == (shape[1], shape[0]):
        yield f"`{s}.permute(1, 2, 0)`: the scores are time-major, (time, batch, classes)"
        yield "`batch_first=True` for the layer that is recurrent or attends, with its input turned as well"
    elif len(shape) == 2 and len(labels) > 1 and target.numel == shape[0]:
        yield f"`{t}.reshape(-1)`: one index for each of the {shape[0]} rows of scores"
    elif len(shape) > 2 and len(labels) == 1 and labels[0] * shape[-1] == scores.numel:
        yield f"`{s}.reshape(-1, {shape[-1]})`: one row of scores for each of the {labels[0]} indices"
    elif len(shape) == 4 and len(labels) == 4 and labels[1] == 3 and labels[2:] == shape[2:]:
        yield "load the mask with one channel of class indices: this one has 3, an image's colours"
    elif len(shape) == 4 and len(labels) == 3 and labels[0] == shape[0]:
        yield f"`F.interpolate({s}, size={labels[1:]}, mode='bilinear')`: the scores at the mask's size"
    elif len(shape) == 2 and len(labels) == 1:
        yield from _of_rows(shape, labels[0])


def _of_rows(shape: tuple[int, ...], labels: int) -> Iterator[str]:
    rows = shape[0]
    if labels and rows > labels and rows % labels == 0:
        yield (
            f"keep the batch first where the features are flattened: `x.flatten(1)` instead of `x.view(-1, n)`, and "
            f"{rows // labels} times the `in_features` in the layer after it"
        )
    elif rows and labels > rows and labels % rows == 0:
        yield f"scores for each of the {labels // rows} labels that came for a row of scores, or one label a sample"
    elif (common := math.gcd(rows, labels)) > 3:
        ours, theirs = rows // common, labels // common
        yield f"the same samples for both: {rows} is {ours} x {common}, and {labels} is {theirs} x {common}"
    else:
        yield f"the same samples for both, cut by the same slice: there are {rows} rows of scores and {labels} labels"


def why(scores: TensorRecord, target: TensorRecord) -> Iterator[str]:
    """Facts that bear it out."""
    shape, labels = scores.shape or (), target.shape or ()
    if len(shape) == 2 and len(labels) == 1 and 0 < labels[0] < shape[0] and shape[0] % labels[0] == 0:
        times = shape[0] // labels[0]
        yield f"{shape[0]} is {times} x {labels[0]}: each sample has become {times} rows"
    if len(shape) > 2 and labels == shape[:-1]:
        yield f"the loss takes the second dimension, {shape[1]}, for the classes; they stand last, {shape[-1]}"
    if labels == shape and target.most is not None and (target.least, target.most) == (0, 1):
        yield "the target holds zeros and ones in the scores' shape: it looks one-hot"


def elementwise(scores: TensorRecord, target: TensorRecord, s: str, t: str) -> Iterator[str]:
    """Of the binary cross entropies, which take one target for each score."""
    shape, labels = scores.shape or (), target.shape or ()
    if (axis := _one_too_many(shape, labels)) is not None:
        yield f"`{s}.squeeze({axis})`: the prediction is then {target.size_text}, as the target"
        yield f"`{t}.unsqueeze({axis})`: the target is then {scores.size_text}, as the prediction"
    elif (axis := _one_too_many(labels, shape)) is not None:
        yield f"`{t}.squeeze({axis})`: the target is then {scores.size_text}, as the prediction"
    elif len(shape) == 2 and labels == shape[:1] and shape[1] > 1:
        yield f"`F.cross_entropy({s}, {t}.long())`, if each sample is of one of {shape[1]} classes"
        yield f"`F.one_hot({t}.long(), {shape[1]}).float()` as the target, if each class is asked for by itself"
        if shape[1] == 2:
            yield "a last layer of one output, squeezed, if there is one yes or no for each sample"
    elif len(shape) == 4 and labels == (shape[0], *shape[2:], shape[1]):
        yield f"`{t}.permute(0, 3, 1, 2)`: the target's channels stand last"
    elif shape and labels and scores.numel == target.numel:
        yield f"`{t}.view_as({s})`, if its elements stand in the same order"


def _one_too_many(long: tuple[int, ...], short: tuple[int, ...]) -> int | None:
    """The dimension of size 1 without which the sizes are the same."""
    return next((n for n, size in enumerate(long) if size == 1 and long[:n] + long[n + 1 :] == short), None)


def turned(failure: Failure, scores: TensorRecord, target: TensorRecord) -> ValueRecord | None:
    """The network's input, where the scores are as many as its time steps, and the target as its samples."""
    rows, labels = (scores.shape or ())[:1], (target.shape or ())[:1]
    if failure.user is None or len(scores.shape or ()) != 2 or len(target.shape or ()) != 1 or rows == labels:
        return None
    pool = [one for one in failure.user.locals if one.tensor is not None and len(one.tensor.shape or ()) == 3]
    found = [one for one in pool if one.tensor is not None and (one.tensor.shape or ())[:2] == labels + rows]
    return found[0] if len(found) == 1 else None
