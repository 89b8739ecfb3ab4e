"""How many steps a training takes: its epochs, and the batches of its loader, where the record shows them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ObjectRecord

_EPOCHS = frozenset({"epochs", "n_epochs", "num_epochs", "max_epochs", "nepochs", "epochs_total", "total_epochs"})


def epochs_of(failure: Failure) -> tuple[str, int] | None:
    """The name and value of the one number of epochs in the user's frames; None where they disagree."""
    found = {
        (value.code, number)
        for frame in failure.frames
        for value in frame.locals
        if value.code.lower().rpartition(".")[2] in _EPOCHS and type(number := value.literal) is int and number > 0
    }
    return next(iter(found)) if len({number for _, number in found}) == 1 else None


def batches_of(failure: Failure) -> list[tuple[str, int]]:
    """The loaders in reach, and how many batches each gives in an epoch."""
    return [(one.name, count) for one in failure.objects if one.kind == "loader" and (count := _batches(one))]


def _batches(loader: ObjectRecord) -> int:
    samples, size = loader.facts.get("length"), loader.facts.get("batch_size")
    if type(samples) is not int or type(size) is not int or size < 1:
        return 0
    return samples // size if loader.facts.get("drop_last") is True else -(-samples // size)


def course(failure: Failure, total: int) -> Iterator[str]:
    """What the total should have been, in the numbers of this run."""
    epochs, loaders = epochs_of(failure), batches_of(failure)
    loader = next(((name, count) for name, count in loaders if total % count == 0), loaders[0] if loaders else None)
    if loader is not None and epochs is not None and epochs[1] * loader[1] > total:
        whole = epochs[1] * loader[1]
        yield f"`total_steps={whole}`, or `epochs={epochs[0]}, steps_per_epoch=len({loader[0]})`: " + (
            f"{epochs[1]} epochs of {loader[1]} batches are {whole} steps"
        )
    elif loader is not None and total >= loader[1]:
        made = f"{total} steps are {total // loader[1]} epochs of {loader[1]} batches"
        yield f"`epochs=..., steps_per_epoch=len({loader[0]})` with all epochs that are run: {made}"
    elif loader is not None:
        yield f"`total_steps=epochs * {loader[1]}`: `{loader[0]}` gives {loader[1]} batches an epoch"
