"""A convolution, pooling or unfold whose window is larger than what it slides over."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of

_TOO_LARGE = "Kernel size can't be greater than actual input size"


@on_failure(
    "Calculated padded input size per channel: {over:s}. Kernel size: {window:s}. " + _TOO_LARGE,
    "Given input size: {given:s}. Calculated output size: {out:s}. Output size is too small",
    "max_pool1d() Invalid computed output size: {:d}",
    (
        "Given input with spatial size {over:s}, kernel_size={window:s}, dilation={:s}, padding={:s}, "
        "calculated shape of the array of sliding blocks as {:s}, but its components must be at least one"
    ),
    "maximum size for tensor at dimension {d:d} is {length:d} but size is {size:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The window is the layer's ``kernel_size``; the places are the last dimensions."""
    layer, value = failure.layer, failure.operand("input", "self", 0)
    shape = shape_of(value)
    window = said["window"] or _window(failure)
    if "size" in said:
        if failure.expressions and not failure.calls("unfold"):
            return
        yield Diagnosis(
            f"a window of {said['size']} slides over the {said['length']} elements of dim {said['d']}",
            roots=roots(failure, None, "", value),
        )
        return
    over = said["over"] or (said["given"][1:] if said["given"] else shape[-1:] if shape else None)
    where = layer.words if layer is not None else "a layer"
    name = name_of(failure, value, "the input")
    what = f"a window of {'x'.join(map(str, window))}" if window else "its window"
    places = f" over {'x'.join(map(str, over))} places" if over else ""
    came = f": {name} is {shape_text(shape)}" if shape else ""
    yield Diagnosis(
        f"{where} slides {what}{places}{' with its padding' * ('over' in said)}, and nothing comes out{came}",
        cures=tuple(_cures(over, window)),
        roots=roots(failure, layer, "built here", value),
    )


def _window(failure: Failure) -> tuple[int, ...]:
    """The window's sizes, of the layer or of the function's argument."""
    layer, argument = failure.layer, failure.operand("kernel_size", 1)
    found = layer.facts.get("kernel_size") if layer is not None else argument.literal if argument is not None else None
    if argument is not None and found is None and argument.items:
        found = [one.literal for one in argument.items]
    if isinstance(found, int):
        return (found,)
    return tuple(one for one in found if isinstance(one, int)) if isinstance(found, (list, tuple)) else ()


def _cures(over: tuple[int, ...] | None, window: tuple[int, ...]) -> Iterator[str]:
    yield "one pooling, or one `stride=2`, less in the layers before"
    if over and window and len(window) in (1, len(over)):
        short = max(
            size - place for size, place in zip(window * (len(over) if len(window) == 1 else 1), over, strict=True)
        )
        if short > 0:
            yield (
                f"`padding={-(-short // 2)}` more, or a window of at most {min(over)}"
                if min(over)
                else f"`padding={-(-short // 2)}` more"
            )
    if over and len(over) == 1:
        yield f"sequences of at least {max(window, default=1)} steps with their padding: pad the short ones"
    else:
        yield "larger images: each halving doubles what they have to be at least"
