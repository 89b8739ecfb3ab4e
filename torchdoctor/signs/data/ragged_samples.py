"""Samples of one batch that do not fit together: lists of several lengths, dicts of several keys."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.data._stacking import cures


@on_failure("each element in list of batch should be of equal size", raises="RuntimeError")
def lengths(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Lists are gone into element by element; their lengths stand in the frames of the collate function."""
    batch = _batch(failure)
    sizes = [one.length for one in batch.items] if batch is not None else []
    told = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
    yield Diagnosis(
        f"the lists of one batch have several lengths{f': {told}' if told else ''}",
        cures=(
            "return tensors, and pad them in a `collate_fn`: `pad_sequence([torch.tensor(s) for s in batch], "
            "batch_first=True)`",
            "where the list is not to be split up (tokens, boxes): `collate_fn=lambda batch: batch`",
        ),
    )


@on_failure("Trying to resize storage that is not resizable", raises="RuntimeError")
def storage(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """In a worker the batch is stacked in shared memory of the first sample's size; the text speaks of that only."""
    if failure.worker is None and "DataLoader" not in failure.message and not failure.calls("stack", "default_collate"):
        return
    shapes = _shapes(failure)
    if len(shapes) > 1:
        told = " and ".join(shape_text(shape) for shape in shapes[:2])
        yield Diagnosis(
            f"the tensors of one batch have several shapes, {told}; the text speaks of the shared memory they go into",
            cures=tuple(cures(shapes[0], shapes[1])),
        )
        return
    yield Diagnosis(
        "the tensors of one batch have several shapes; the text speaks of the shared memory that they are stacked in",
        cures=(
            "`num_workers=0` for one batch: the error then names both shapes",
            "resize, crop or pad each sample to one shape in `__getitem__`, or pad in a `collate_fn`",
        ),
    )


@on_failure(raises="KeyError")
def keys(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A KeyError inside of the collate function: the first sample has a key that a later one lacks."""
    if failure.inner is None or not failure.inner.path.endswith("collate.py"):
        return
    name = failure.message.strip("'")
    key = f"`{name}`"
    batch = _batch(failure)
    samples = batch.items if batch is not None else ()
    lacking = [str(n) for n, sample in enumerate(samples) if name not in {i.role for i in sample.items}]
    which = f"sample {lacking[0]}" if lacking else "a later one"
    yield Diagnosis(
        f"sample 0 of the batch has the key {key}, and {which} lacks it",
        cures=(f"return the same keys from every branch of `__getitem__`; {key} with a filler where there is nothing",),
    )


def _shapes(failure: Failure) -> list[tuple[int, ...]]:
    """The shapes in a batch of tensors that the collate function was to stack, each once."""
    batches = [one.items for e in failure.expressions for one in e.operands if one.role == "batch" and one.items]
    tensors = next((items for items in batches if all(item.tensor is not None for item in items)), ())
    return list(dict.fromkeys(item.tensor.shape for item in tensors if item.tensor and item.tensor.shape is not None))


def _batch(failure: Failure) -> ValueRecord | None:
    found = [
        one for e in failure.expressions for one in e.operands if one.role in ("batch", "data", "samples") and one.items
    ]
    return next((one for one in found if all(item.length is not None for item in one.items)), None)
