"""`pixel_shuffle` of channels that are no multiple of the square of its factor, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, tensor_at


@on_failure(
    "divisible by the square of upscale_factor, but input.size(-3)={channels:d} is not divisible by {square:d}",
    (
        "pixel_unshuffle expects {side:w} to be divisible by downscale_factor, "
        "but input.size({:d})={size:d} is not divisible by {factor:d}"
    ),
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The channels of the layer before are the cure: a multiple of the factor's square."""
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    shape = shape_of(value)
    where = layer.words if layer is not None else "`pixel_unshuffle`" if "side" in said else "`pixel_shuffle`"
    came = f": {name_of(failure, value)} is {shape_text(shape)}" if shape is not None else ""
    if (said["factor"] if "side" in said else said["square"]) < 1:
        return
    if "side" in said:
        size, factor = said["size"], said["factor"]
        text = (
            f"{where} puts {factor} by {factor} pixels into channels, "
            f"and the {said['side']} {size} is no multiple{came}"
        )
        cures = [f"`F.pad` by {-size % factor}, or a {said['side']} of {size - size % factor}"]
    else:
        channels, square = said["channels"], said["square"]
        factor = round(square**0.5)
        text = f"{where} makes {factor} by {factor} pixels of {square} channels, and {channels} are no multiple{came}"
        out = channels if channels <= square else round(channels / square)
        cures = [f"{out * square} channels from the layer before, {out} * {factor} * {factor}, for {out} that come out"]
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, layer, "built here", value))
