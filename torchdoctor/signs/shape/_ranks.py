"""What gives a layer the number of dimensions that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import ModuleRecord
from torchdoctor.signs.shape._sizes import times


def cures(
    shape: tuple[int, ...] | None, gets: int | None, one: int | None, many: int, code: str, layer: ModuleRecord | None
) -> Iterator[str]:
    """Channel or batch that is missing; one dimension too many; a layer for another rank."""
    facts = layer.facts if layer is not None else {}
    channels = facts.get("in_channels")
    norm = layer is not None and "Norm" in layer.type
    if shape is None or gets is None or many < 1:
        return
    if norm and layer is not None:
        right = {2: "1d", 3: "1d", 4: "2d", 5: "3d"}.get(gets)
        if right and not layer.type.endswith(right):
            yield f"`nn.{layer.type[:-2]}{right}({facts.get('num_features', '...')})` for an input of {gets} dimensions"
        if gets > many == 3 and facts.get("num_features") == prod(shape[1:]):
            yield f"`{code}.flatten(1)` before the layer: {times(shape[1:])}"
    elif gets == 2 and many == 4 and isinstance(channels, int) and channels > 0 and (side := _side(shape[1], channels)):
        yield f"`{code}.view(-1, {channels}, {side}, {side})`: {times((channels, side, side))}"
    elif gets == many - 2 and channels == 1:
        yield (
            f"`{code}[:, None]` and `[None]`: it lacks the channel and the batch"
            if gets != 2 or many != 3
            else f"`{code}.unsqueeze(1)`"
        )
    elif gets == many - 1 and one is None:
        yield f"`{code}.unsqueeze(0)` for one sample, `unsqueeze(1)` for a channel"
    elif gets < many:
        yield f"`{code}.unsqueeze(1)` for the channel that is missing, `unsqueeze(0)` for the batch"
    elif gets == many + 1 and 1 in shape:
        yield f"`{code}.squeeze({shape.index(1)})`: that dimension has size 1"
    elif gets == many + 1:
        yield (
            f"`{code}.flatten(0, 1)`: {shape[0]} * {shape[1]} = {shape[0] * shape[1]} "
            f"samples; and back with `unflatten(0, {shape[:2]})`"
        )
    if gets == 4 and many == 3 and layer is not None and layer.type in ("LSTM", "GRU", "RNN"):
        yield f"`{code}.flatten(2).transpose(1, 2)`: {shape[2] * shape[3]} steps of {shape[1]} features"


def _side(features: int, channels: int) -> int:
    """The side of square images of so many features; 0 where they are not square."""
    side = round((features / channels) ** 0.5)
    return side if side * side * channels == features else 0
