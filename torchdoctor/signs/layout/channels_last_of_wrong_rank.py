"""channels_last asked of a tensor that has not the four (or five) dimensions of a batch of images (or volumes)."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure("required rank {rank:d} tensor to use {format:w} format", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is what the method was called on; a module hands it each of its weights."""
    value, rank, form = failure.operand("self"), said["rank"], said["format"]
    tensor = value.tensor if value is not None else None
    if tensor is None or tensor.shape is None:
        yield Diagnosis(f"{form} was asked of a tensor that has not {rank} dimensions")
        return
    code, have = code_of(failure, value, "x"), len(tensor.shape)
    other = "channels_last" if rank == 5 else "channels_last_3d"
    word = "a weight" if failure.layer is not None or len(failure.expressions) > 1 else "the tensor"
    if have == rank - 1:
        cures = [f"`{code}.unsqueeze(0)` first: {form} orders batches, (batch, channels, ...)"]
    else:
        cures = [f"{form} only for tensors of {rank} dimensions"]
    if have == (4 if rank == 5 else 5):
        cures.insert(0, f"`memory_format=torch.{other}`, for the {have} dimensions that it has")
    yield Diagnosis(
        f"{failure.name_of(value, word)} {tensor.size_text} has {have} dimensions, and {form} is for {rank}",
        cures=tuple(cures),
        roots=made(value, f"{tensor.size_text} is made here", "shape"),
    )
