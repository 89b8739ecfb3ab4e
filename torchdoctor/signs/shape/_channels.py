"""What gives a convolution the channels that it takes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import ModuleRecord, shape_text
from torchdoctor.signs._words import count

# What a convolution is built with where nothing else is asked for.
_USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "padding_mode": "zeros"}


def cures_of(
    shape: tuple[int, ...],
    takes: int,
    gets: int,
    code: str,
    layer: ModuleRecord | None,
    alone: bool,
    weight: tuple[int, ...],
    transposed: bool,
) -> Iterator[str]:
    """The likeliest first: channels that stand last, a missing channel, grey for colour, then another layer."""
    if not shape or len(weight) < 2:
        return
    kind = layer.type if layer is not None else f"Conv{'Transpose' * transposed}{len(weight) - 2}d"
    rank = len(shape)
    if alone and takes == 1 and gets > 1:
        yield f"`{code}.unsqueeze(1)`: {gets} samples of one channel"
        return
    if takes == 1 and shape[0] == 1 and layer is None and code == "x":
        yield f"`x.unsqueeze(1)`, if these are {gets} samples of one channel: torch has added the batch of 1"
    elif takes == 1 and weight[1] == 1 and layer is None and not transposed:
        yield (
            f"`groups={gets}`, and the kernel as {shape_text((gets, *weight[1:]))}, "
            "if each channel gets the same filter"
        )
    if channels_last(shape, takes):
        order = (rank - 1, *range(rank - 1)) if alone else (0, rank - 1, *range(1, rank - 1))
        swap = f"transpose({order[0]}, 1)" if rank == 2 else "transpose(1, 2)" if rank == 3 and not alone else ""
        yield f"`{code}.{swap or f'permute{order}'}`: the {takes} channels stand last"
        if rank - alone > 3 or alone:
            return
    if gets == 1 and takes == 3:
        yield (
            f"`{code}.expand({', '.join(['-1'] * (rank - len(weight) + 1) + ['3'] + ['-1'] * (len(weight) - 2))})`, "
            "or `convert('RGB')` where the images are read"
        )
    elif gets == 4 and takes == 3:
        yield "`convert('RGB')` where the images are read: the fourth channel is the transparency"
    elif gets == 3 and takes == 1:
        yield f"`{code}.mean({1 - alone}, keepdim=True)`, or `convert('L')` where the images are read"
    width = weight[1] if transposed else weight[0]
    right = f"{count(gets, 'channel')} {'is' if gets == 1 else 'are'} right"
    yield f"`nn.{kind}({gets}, {width}, {_rest(layer)})`, if {right}"


def _rest(layer: ModuleRecord | None) -> str:
    """What else the layer was built with, so that the one in its place gives maps of the same sizes."""
    if layer is None:
        return "..."
    facts = layer.facts
    said = [_one(facts.get("kernel_size"))]
    for name, usual in _USUAL.items():
        value = facts.get(name, usual)
        if value != usual and value not in ([usual] * 3, [usual] * 2, [usual]):
            said.append(f"{name}={value!r}" if isinstance(value, str) else f"{name}={_one(value)}")
    return ", ".join([*said, *(["bias=False"] if facts.get("bias") is False else [])])


def _one(sizes: object) -> str:
    if isinstance(sizes, list) and sizes:
        return str(sizes[0] if len(set(sizes)) == 1 else tuple(sizes))
    return str(sizes) if isinstance(sizes, int) else "..."


def channels_last(shape: tuple[int, ...], channels: int) -> bool:
    """Whether so many channels seem to stand in the last dimension. A map of 64 by 64 pixels is none of 64 channels."""
    return shape[-1:] == (channels,) and (len(shape) < 4 or shape[-2] != channels) and shape[1:2] != (channels,)


def channels_of(shape: tuple[int, ...] | None) -> int | None:
    """The second size of an input; None where it is not known, or there is none."""
    return shape[1] if shape is not None and len(shape) > 1 else None
