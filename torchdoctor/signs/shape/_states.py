"""What gives a recurrent layer a first state of the right sizes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.signs.shape._sizes import shape_of, spelled


def cures_of(
    failure: Failure,
    wanted: tuple[int, ...],
    given: tuple[int, ...],
    tokens: ValueRecord | None,
    batch_first: bool,
) -> Iterator[str]:
    shape = shape_of(tokens) or ()
    if (given[1], given[0], given[2]) == wanted:
        yield "`transpose(0, 1)` on the state: its batch is dim 1" + ", with `batch_first=True` too" * batch_first
    elif wanted[1] != given[1] and (wanted[0], wanted[2]) == (given[0], given[2]):
        if len(shape) == 3 and shape[batch_first] == given[1] and shape[not batch_first] == wanted[1]:
            yield _order(failure, tokens, shape, batch_first)
        name = spelled(failure, tokens, "x")
        yield from _of_batch(failure, wanted, given, (name if name.isidentifier() else "x") * bool(shape), batch_first)
    else:
        yield f"`torch.zeros({', '.join(map(str, wanted))})`: (layers * directions, batch, hidden)"


def _order(failure: Failure, tokens: ValueRecord | None, shape: tuple[int, ...], batch_first: bool) -> str:
    """The state is right, and the layer takes the steps for the batch."""
    if not batch_first:
        return f"`batch_first=True` where the layer is built: the batch of {shape[0]} stands first in {shape}"
    return f"`{spelled(failure, tokens, 'x')}.transpose(0, 1)`: the batch of {shape[1]} stands second in {shape}"


def _of_batch(
    failure: Failure, wanted: tuple[int, ...], given: tuple[int, ...], code: str, batch_first: bool
) -> Iterator[str]:
    batch = f"{code}.size({0 if batch_first else 1})" if code else str(wanted[1])
    anew = f"`torch.zeros({wanted[0]}, {batch}, {wanted[2]})`"
    here = f", here of {wanted[1]} samples" if code else ""
    yield f"a new state for each batch: {anew}{here}; this one was made for {given[1]}" + " samples" * (not code)
    if wanted[1] < given[1]:
        loaders = [one for one in failure.objects if one.kind == "loader" and one.facts.get("batch_size") == given[1]]
        length = loaders[0].facts.get("length") if loaders else None
        if isinstance(length, int) and length % given[1] == wanted[1]:
            yield (
                f"`drop_last=True` in the loader: {length} samples in batches of {given[1]} leave {wanted[1]} "
                "for the last one"
            )
        else:
            yield "`drop_last=True` in the loader, if the last batch is the smaller one"
