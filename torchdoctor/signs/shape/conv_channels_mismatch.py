"""A convolution that gets other channels than it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import count
from torchdoctor.signs.shape._channels import channels_last, cures_of
from torchdoctor.signs.shape._groups import undivided
from torchdoctor.signs.shape._sizes import name_of, nearest, roots, shape_of, spelled, tensor_at


@on_failure(
    (
        "Given groups={groups:d}, weight of size {weight:s}, expected "
        "input{given:s} to have {takes:d} channels, but got {gets:d} channels"
    ),
    (
        "Given transposed=1, weight of size {weight:s}, expected input{given:s} "
        "to have {takes:d} channels, but got {gets:d} channels"
    ),
    (
        "Given transposed=True, weight of size {weight:s}, expected "
        "input{given:s} to have {takes:d} channels, but got {gets:d} channels"
    ),
    raises="RuntimeError",
)
def channels(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds all sizes (of one sample too, to which torch adds a batch of 1): the record gives the names."""
    takes, gets, sizes, weight = said["takes"], said["gets"], said["given"], said["weight"]
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    shape = shape_of(value) or sizes
    where = layer.words if layer is not None else "a convolution"
    name = name_of(failure, value, "the input")
    alone = len(shape) == len(sizes) - 1
    yield Diagnosis(
        f"{where} takes {count(takes, 'channel')} and gets {gets}: {name} is {shape_text(shape)}"
        + ", taken for one sample without a batch" * alone,
        cures=tuple(
            cures_of(shape, takes, gets, spelled(failure, value), layer, alone, weight, "transposed" in said.text)
        ),
        roots=roots(failure, layer, f"built for {count(takes, 'channel')} here", value),
        evidence=tuple(_evidence(shape, takes, name)),
    )


def _evidence(shape: tuple[int, ...], takes: int, name: str) -> Iterator[str]:
    if channels_last(shape, takes):
        yield f"{name} has {takes} in its last dimension, and torch takes the channels from before the places"


@on_failure("^Invalid channel dimensions$", raises="RuntimeError")
def on_meta(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """On the meta device the text has no numbers: the layer and its input have them."""
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    takes, shape = layer.facts.get("in_channels") if layer is not None else None, shape_of(value)
    dims = {"Conv1d": 3, "Conv2d": 4, "Conv3d": 5}.get(layer.type if layer is not None else "")
    if shape is None or len(shape) != dims or type(takes) is not int or takes == shape[1]:
        return
    weight = shape_of(tensor_at(failure, "weight", 1)) or ()
    told = {"takes": takes, "gets": shape[1], "given": shape, "weight": weight}
    yield from channels.run(failure, Said({**said.values, **told}, said.text))


@on_failure("{which:w} must be divisible by groups", raises="ValueError")
def groups(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The constructor's arguments stand in the user's call."""
    which, many = failure.operand(said["which"], int(said["which"] == "out_channels")), failure.operand("groups")
    count, number = (one.literal if one is not None else None for one in (which, many))
    if isinstance(count, int) and isinstance(number, int) and count > 0 and number > 0:
        yield undivided(count, number, f"`groups={nearest(number, count)}`", f"{said['which']}")
    elif not failure.expressions or failure.calls("Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"):
        yield Diagnosis(f"the `groups` of a convolution do not divide its `{said['which']}`")
