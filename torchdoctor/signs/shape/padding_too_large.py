"""Padding that is larger than its layer can take: of a pooling, or of the kinds that repeat the image."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import count
from torchdoctor.signs.shape._sizes import name_of, roots, spelled, tensor_at


@on_failure(
    (
        "pad should be at most half of effective kernel size, but got "
        "pad={pad:d}, kernel_size={kernel:d} and dilation={dilation:d}"
    ),
    (
        "pad should be smaller than or equal to half of kernel size, but "
        "got padW = {pad:d}, padH = {:d}, kW = {kernel:d}, kH = {:d}"
    ),
    (
        "Padding size should be less than the corresponding input dimension, but "
        "got: padding ({a:d}, {b:d}) at dimension {d:d} of input {sizes:s}"
    ),
    "Padding value causes wrapping around more than once",
    (
        "Padding length should be less than or equal to two times the input dimension "
        "but got padding length {length:d} and input of dimension {rank:d}"
    ),
    "Padding size {length:d} is not supported for {rank:d}D input tensor",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has all numbers but those of a circular padding."""
    layer, value = failure.layer, tensor_at(failure, "input", 0)
    where = (
        failure.layer_text(layer, "a pooling")
        if layer is not None
        else "a padding"
        if "pad" not in said
        else "a pooling"
    )
    name, code = name_of(failure, value, "the input"), spelled(failure, value)
    if "a" in said and not 0 <= said["d"] < len(said["sizes"]):
        return
    if "pad" in said:
        most = (said["kernel"] - 1) * (said["dilation"] or 1) + 1
        text = (
            f"{where} pads by {said['pad']}, more than half of its window of "
            f"{said['kernel']}: such a window would hold padding alone"
        )
        cures = [f"`padding={most // 2}`, or a `F.pad` before it"]
    elif "a" in said:
        size = said["sizes"][said["d"]]
        text = (
            f"{where} reflects {max(said['a'], said['b'])} elements at the edge of dim "
            f"{said['d']}, which has {size}: {name} is {shape_text(said['sizes'])}"
        )
        cures = [
            f"a padding of at most {size - 1}",
            "`mode='replicate'` (`nn.ReplicationPad2d`), which takes any",
            "larger images",
        ]
    elif "length" in said:
        text = f"{where} is for {said['length']} sides, and {name} has {count(said['rank'], 'dimension')}"
        missing = (
            "`unsqueeze(0)` for the batch or the channel before it"
            if "not supported" in said.text
            else f"at most {2 * said['rank']} numbers: two for each dimension, the last dimension's first"
        )
        cures = [missing.replace("`unsqueeze", f"`{code}.unsqueeze")]
    else:
        text = f"{where} repeats {name} more than once around, as it is smaller than the padding"
        cures = ["a padding of at most the size of each dimension", f"`{code}.repeat(...)`, or `torch.roll`, for more"]
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, layer, "built here", value))
