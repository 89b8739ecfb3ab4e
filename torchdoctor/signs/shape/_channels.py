"""What gives a convolution the channels that it takes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import ModuleRecord, shape_text
from torchdoctor.signs._words import count


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
    kernel = layer.facts.get("kernel_size") if layer is not None else None
    size = kernel[0] if isinstance(kernel, list) and len(set(kernel)) == 1 else "..."
    yield f"`nn.{kind}({gets}, {width}, {size})`, if {count(gets, 'channel')} {'is' if gets == 1 else 'are'} right"


def channels_last(shape: tuple[int, ...], channels: int) -> bool:
    """Whether so many channels seem to stand in the last dimension. A map of 64 by 64 pixels is none of 64 channels."""
    return shape[-1] == channels and (len(shape) < 4 or shape[-2] != channels) and shape[1:2] != (channels,)
