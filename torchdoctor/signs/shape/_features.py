"""What gives a linear layer, or a LayerNorm, the features that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure, ModuleRecord
from torchdoctor.signs.shape._sizes import times


def cures_of(shape: tuple[int, ...], takes: int, gives: int, code: str) -> Iterator[str]:
    """The likeliest first: a flatten or transpose that is missing, then a layer of another size."""
    rank, rest = len(shape), prod(shape[1:])
    if rank == 1 and shape[0] % takes == 0:
        yield f"`flatten(1)`, which keeps the batch: {times((shape[0] // takes, takes))}"
    elif rank == 2 and prod(shape) == takes:
        yield f"`{code}.reshape(1, -1)`: one sample of {takes} features"
        yield "`.unsqueeze(0)` on what the model is given, where a `flatten(1)` has taken the channels for the batch"
        return
    elif rank > 2 and rest == takes:
        yield f"`{code}.flatten(1)` before the layer: {times(shape[1:])}"
        return
    elif start := next((axis for axis in range(2, rank - 1) if prod(shape[axis:]) == takes), 0):
        yield f"`{code}.flatten({start})` before the layer: {times(shape[start:])}"
        return
    elif rank == 3 and shape[1] == takes:
        yield f"`{code}.transpose(1, 2)` before the layer: the {takes} features stand in dim 1"
        yield f"`{code}.mean(2)` before the layer, if all places together get one output"
        return
    elif rank > 2 and shape[1] == takes:
        yield (f"`{code}.mean({tuple(range(2, rank))})` before the layer: {takes} channels, each averaged")
        order = (0, *range(2, rank), 1)
        yield f"`{code}.permute{order}`, if each place gets its own outputs"
        return
    elif rank == 2 and shape[0] == takes:
        yield f"`{code}.T`: the features stand in the first dimension"
    elif rank == 4:
        yield f"`{code}.flatten(1)` before the layer, and `nn.Linear({rest}, {gives})`: {times(shape[1:])}"
        return
    yield f"`nn.Linear({shape[-1]}, {gives})`, if {shape[-1]} features are right"


def of_both_ways(failure: Failure, gets: int, takes: int) -> ModuleRecord | None:
    """The one recurrent layer beside the failing one that reads both ways, where that is why the features are twice
    those that are taken."""
    found = [layer for layer in failure.layers if layer.facts.get("bidirectional") is True]
    sizes = {layer.facts.get("proj_size") or layer.facts.get("hidden_size") for layer in found}
    return found[0] if len(found) == 1 and sizes == {takes} and gets == 2 * takes else None


def of_last_dimensions(takes: tuple[int, ...], shape: tuple[int, ...], kind: str, code: str) -> Iterator[str]:
    """What gives a LayerNorm or RMSNorm (``kind``) the last dimensions that it takes."""
    if len(takes) == 1 and len(shape) > 2 and shape[1] == takes[0]:
        last = "transpose(1, 2)" if len(shape) == 3 else f"permute{(0, *range(2, len(shape)), 1)}"
        yield f"`{code}.{last}` before the layer: its {takes[0]} channels stand in dim 1, and it takes them last"
        yield f"`nn.GroupNorm(1, {takes[0]})`, which takes channels where they are"
    elif len(shape) >= len(takes):
        sizes = shape[len(shape) - len(takes) :]
        text = f"{sizes[0]}" if len(sizes) == 1 else f"{list(sizes)}"
        yield f"`nn.{kind}({text})`, if {text.strip('[]')} is right"
