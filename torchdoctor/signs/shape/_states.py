"""What gives a recurrent layer a first state of the right sizes."""

from __future__ import annotations

from collections.abc import Iterator


def cures_of(wanted: tuple[int, ...], given: tuple[int, ...], batch_first: bool) -> Iterator[str]:
    if (given[1], given[0], given[2]) == wanted:
        yield "`transpose(0, 1)` on the state: its batch is dim 1" + ", with `batch_first=True` too" * batch_first
    elif wanted[1] != given[1] and (wanted[0], wanted[2]) == (given[0], given[2]):
        yield (
            f"a new state for each batch: `torch.zeros({', '.join(map(str, wanted))})`; "
            f"this one was made for a batch of {given[1]}"
        )
        if wanted[1] < given[1]:
            yield "`drop_last=True` in the loader, if the last batch is the smaller one"
    else:
        yield f"`torch.zeros({', '.join(map(str, wanted))})`: (layers * directions, batch, hidden)"
