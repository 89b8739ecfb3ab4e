"""A normalisation in train mode over one value a channel: a batch of one, or a map of one pixel."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ObjectRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import roots


@on_failure(
    "Expected more than 1 value per channel when training, got input size {given:s}",
    "Expected more than 1 spatial element when training, got input size {given:s}",
    raises="ValueError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds the sizes; what is in reach tells a last batch of one from a single sample."""
    layer, shape = failure.layer, said["given"]
    where = layer.words if layer is not None else "a normalisation"
    pixels = "spatial" in said.text
    what = "each channel of each sample has one value" if pixels else "each channel has one value, and no variance"
    yield Diagnosis(
        f"{where} is in train mode and gets {shape_text(shape)}: {what}",
        cures=tuple(_of_pixels(layer is not None) if pixels else _cures(failure, shape)),
        roots=roots(failure, layer, "built here"),
    )


def _of_pixels(known: bool) -> Iterator[str]:
    yield "no InstanceNorm where maps are one pixel large: `nn.GroupNorm(1, channels)` takes the channels together"
    yield "larger images, or one pooling less before it" + " than now" * (not known)


def _cures(failure: Failure, shape: tuple[int, ...]) -> Iterator[str]:
    loaders = [one for one in failure.objects if one.kind == "loader"]
    learns = any(one.kind == "optimizer" for one in failure.objects)
    evaluate = f"`{_model(failure)}.eval()` before it, if this is evaluation: then the running mean and variance count"
    if loaders and learns:
        yield _dropped(loaders[0])
        yield evaluate
    else:
        yield evaluate
        yield "`drop_last=True` in the loader, if this is the last batch of an epoch and holds one sample"
    if len(shape) > 2:
        yield f"`nn.GroupNorm(..., {shape[1]})`, which needs no batch"


def _dropped(loader: ObjectRecord) -> str:
    size, length = loader.facts.get("batch_size"), loader.facts.get("length")
    odd = f": {length} samples in batches of {size} leave 1" if size and length and length % size == 1 else ""
    return f"`drop_last=True` in `{loader.name}`{odd or ': its last batch holds one sample'}"


def _model(failure: Failure) -> str:
    """What the user's frame calls the model that was called."""
    callee = failure.asked.callee if failure.asked is not None else None
    return callee.code if callee is not None and callee.module is not None and callee.code.isidentifier() else "model"
