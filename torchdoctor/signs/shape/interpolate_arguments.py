"""`F.interpolate` and `nn.Upsample` with a mode for another rank, with both or neither of sizes, or down to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at

_MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}


@on_failure(
    "Input and output sizes should be greater than 0, but got input ({given}) output ({out})",
    "Got {rank:d}D input, but {mode:w} mode needs {needs:d}D input",
    "Only 3D, 4D and 5D input Tensors supported (got {rank:d}D) for the modes",
    "only one of size or scale_factor should be defined",
    "either size or scale_factor should be defined",
    (
        "Input and output must have the same number of spatial dimensions, but got "
        "input with spatial dimensions of {have:s} and output size of {want:s}"
    ),
    "align_corners option can only be set with the interpolating modes",
    raises=("RuntimeError", "NotImplementedError", "ValueError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The input is (batch, channels, places...)."""
    value = tensor_at(failure, "input", 0)
    shape, name, code = shape_of(value), name_of(failure, value, "the input"), spelled(failure, value)
    shown = f"{name} {shape_text(shape)}" if shape is not None else name
    text, cures = "", []
    if "given" in said:
        text = f"`interpolate` of {shown} would give ({said['out']}): nothing is left"
        cures = ["`size=` with the sizes that are wanted, or a larger `scale_factor`"]
    elif "mode" in said:
        text = f"the mode {said['mode']} is for {said['needs']} dimensions, and {shown} has {said['rank']}"
        right = _MODES.get(said["rank"])
        if said["needs"] == said["rank"] + 1:
            cures.append(f"`{code}.unsqueeze(0)` before it, and `squeeze(0)` behind, if the batch is missing")
        cures += [f"`mode='{right}'`"] if right else []
    elif "rank" in said:
        text = f"`interpolate` takes (batch, channels, places...), and {shown} has {said['rank']} dimensions"
        cures = [f"`{code}{'[None, None]' if said['rank'] == 2 else '.unsqueeze(0)'}` before it, `squeeze` behind"]
    elif "have" in said:
        text = f"{shown} has {len(said['have'])} dimensions of places, and `size` names {len(said['want'])}"
        cures = [
            f"`size` of {len(said['have'])} numbers",
            f"`{code}.unsqueeze(0)`, if the batch or the channel is missing",
        ]
    elif "align" in said.text:
        text, cures = (
            "`align_corners` is set, and the mode interpolates nothing",
            ["no `align_corners`, or `mode='bilinear'`"],
        )
    else:
        both = "only one" in said.text
        text = f"{'both' if both else 'neither'} of `size` and `scale_factor` {'are' if both else 'is'} given"
        cures = ["`size=` alone, for a size that is known, or `scale_factor=` alone"]
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, failure.layer, "built here", value))
