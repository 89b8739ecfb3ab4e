"""A normalisation that gets other channels, or another last dimension, than it was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import count
from torchdoctor.signs.shape._channels import channels_last, channels_of
from torchdoctor.signs.shape._features import of_last_dimensions
from torchdoctor.signs.shape._groups import undivided
from torchdoctor.signs.shape._sizes import name_of, nearest, roots, shape_of, spelled, tensor_at


@on_failure(
    "{what:w} should contain {gets:d} elements not {takes:d}",
    "expected input's size at dim=1 to match num_features ({takes:d}), but got: {gets:d}",
    (
        "Expected weight to be a vector of size equal to the number of channels in "
        "input, but got weight of shape [{takes:d}] and input of shape {given:s}"
    ),
    raises=("RuntimeError", "ValueError"),
)
def channels(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """BatchNorm, InstanceNorm and GroupNorm: the channels are dimension 1."""
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    shape = shape_of(value) or said["given"]
    takes, gets = said["takes"], said["gets"] if "gets" in said else channels_of(shape)
    if gets is None or said["what"] not in (None, "running_mean", "running_var", "weight", "bias"):
        return
    where = layer.words if layer is not None else "a normalisation"
    name, code = name_of(failure, value, "the input"), spelled(failure, value)
    cures = []
    if shape and len(shape) > 2 and channels_last(shape, takes):
        order = f"permute{(0, len(shape) - 1, *range(1, len(shape) - 1))}" if len(shape) > 3 else "transpose(1, 2)"
        cures.append(f"`{code}.{order}` before the layer: the {takes} channels stand last")
    before = f"{layer.facts.get('num_groups', '...')}, " if layer is not None and layer.type == "GroupNorm" else ""
    built = f"nn.{layer.type}({before}{gets})" if layer is not None else f"num_features={gets}"
    cures.append(f"`{built}`, if {count(gets, 'channel')} {'is' if gets == 1 else 'are'} right")
    sizes = f": {name} is {shape_text(shape)}" if shape else ""
    yield Diagnosis(
        f"{where} takes {count(takes, 'channel')} and gets {gets}{sizes}",
        cures=tuple(cures),
        roots=roots(failure, layer, f"built for {count(takes, 'channel')} here", value),
    )


@on_failure(
    "Given normalized_shape={takes:s}, expected input with shape [{}], but got input of size {given:s}",
    "Given normalized_shape={takes:s}, expected input with shape [{}], but got input of size{given:s}",
    raises="RuntimeError",
)
def last_dimensions(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """LayerNorm and RMSNorm: the last dimensions."""
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    takes, shape = said["takes"], shape_of(value) or said["given"]
    kind = layer.type if layer is not None and layer.type in ("LayerNorm", "RMSNorm") else "LayerNorm"
    where = layer.words if layer is not None else f"a {kind}"
    name = name_of(failure, value, "the input")
    wanted = f"{takes[0]} in its last dimension" if len(takes) == 1 else f"{shape_text(takes)} in its last dimensions"
    yield Diagnosis(
        f"{where} wants {wanted}: {name} is {shape_text(shape)}",
        cures=tuple(of_last_dimensions(takes, shape, kind, spelled(failure, value))),
        roots=roots(failure, layer, f"built for {shape_text(takes)} here", value),
    )


@on_failure(
    "num_channels ({channels:d}) must be divisible by num_groups ({groups:d})",
    "^num_channels must be divisible by num_groups$",
    (
        "Expected number of channels in input to be divisible by num_groups, "
        "but got input of shape {given:s} and num_groups={groups:d}"
    ),
    raises=("RuntimeError", "ValueError"),
)
def groups(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Groups that do not divide the channels."""
    many, count = said["groups"], said["channels"] if "channels" in said else channels_of(said["given"])
    if not many:  # until torch 2.5 without numbers
        asked = (failure.operand("num_groups", 0), failure.operand("num_channels", 1))
        many, count = (one.literal if one is not None else None for one in asked)
    if isinstance(count, int) and isinstance(many, int) and count > 0 and many > 0:
        yield undivided(count, many, f"`nn.GroupNorm({nearest(many, count)}, {count})`")
