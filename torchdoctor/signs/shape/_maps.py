"""The map that was flattened before a layer: its factors, and the inputs that the layer was made for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import product
from math import isqrt, prod

from torchdoctor.map_record import MapRecord, Sizes, WindowRecord, through
from torchdoctor.record import Failure, ModuleRecord, ValueRecord, shape_text
from torchdoctor.sign import Root
from torchdoctor.signs.shape._sizes import shape_of, times

_LARGEST = 2048  # pixels on a side, or thousands of steps, that are tried


def map_of(failure: Failure, given: ValueRecord | None) -> MapRecord | None:
    """The map that lies flat in the layer's input, by the graph, or where there is none, by the layers before it."""
    shape = shape_of(given)
    if shape is None or len(shape) > 3:
        return None
    for value in (given, *failure.values):
        if value is not None and value.tensor is not None and value.tensor.shape == shape:
            found = value.tensor.flattened
            if found is not None and prod(found.shape[1:]) == shape[-1]:
                return found if found.windows or found.adaptive else _windowed(failure, found, shape[-1])
    return _by_layers(failure, shape[-1]) if len(shape) == 2 else None


def cures_of(found: MapRecord, takes: int, gives: int) -> Iterator[str]:
    """The layer for what came, the input for the layer, and what makes any input fit."""
    features = prod(found.shape[1:])
    came = f" of {_noun(found.input)} of {_spelled(found.input)}" if found.input else ""
    yield f"`nn.Linear({features}, {gives})`: {times(found.shape[1:])} features are left{came}"
    if (fits := fitting(found, takes)) is not None and (left := found.of(fits)) is not None:
        yield f"{_noun(fits)} of {_spelled(fits)}: they leave {times((found.channels, *left))}"
    side = _side(found, takes)
    if side and side != found.places[0]:
        pool = f"nn.AdaptiveAvgPool{len(found.places)}d({side})"
        leaves = times((found.channels, *(side,) * len(found.places)))
        yield f"`{pool}` in the place of the last pooling, or after it: {leaves}, whatever the input's size"


def evidence_of(found: MapRecord, takes: int) -> Iterator[str]:
    yield f"the map that is flattened is {found.shape}: {times(found.shape[1:])}"
    side = _side(found, takes)
    if side:
        yield f"the layer was made for {times((found.channels, *(side,) * len(found.places)))}"
    elif takes % prod(found.places) == 0:
        yield f"the layer was made for {times((takes // prod(found.places), *found.places))}: other channels"


def roots_of(failure: Failure, found: MapRecord | None) -> Iterator[Root]:
    """Where the input got its sizes."""
    for frame in reversed(failure.frames) if found is not None and found.input is not None else ():
        for value in frame.locals:
            shape = shape_of(value)
            if found is not None and shape is not None and len(shape) > 2 and shape[2:] == found.input:
                yield Root(value, f"`{value.code}` gets its sizes {shape_text(shape)} here")
                return


def _side(found: MapRecord, takes: int) -> int | None:
    """The side of the square map of so many channels that has as many features as the layer takes."""
    if takes % found.channels:
        return None
    area, rank = takes // found.channels, len(found.places)
    if rank == 1:
        return area
    return isqrt(area) if rank == 2 and isqrt(area) ** 2 == area else None


def fitting(found: MapRecord, takes: int) -> Sizes | None:
    """The input's sizes that leave as many features as the layer takes: of several the roundest, as 32 of 32 to 39."""
    given = found.input
    if given is None or found.adaptive or not found.channels or takes % found.channels:
        return None
    wanted = takes // found.channels
    sides = range(1, max(_LARGEST, 4 * given[0]))

    def scaled(side: int) -> Sizes:
        """The input's proportions with this first side."""
        return tuple(side * size // given[0] for size in given)

    def left(side: int) -> int:
        sizes = scaled(side)
        places = found.of(sizes) if min(sizes) else None
        return prod(places) if places is not None else 0

    # A larger input never leaves less: those that fit lie side by side.
    first = bisect_left(sides, wanted, key=left)
    last = bisect_right(sides, wanted, key=left) - 1
    return scaled(_roundest(sides[first], sides[last])) if first <= last else None


def _roundest(first: int, last: int) -> int:
    """Of these numbers and all between them, the least of those that 2 divides most often."""
    power = 1
    while -(-first // (2 * power)) * 2 * power <= last:
        power *= 2
    return -(-first // power) * power


def _noun(sizes: Sizes | None) -> str:
    return {1: "sequences", 2: "images"}.get(len(sizes or ()), "inputs")


def _spelled(sizes: Sizes) -> str:
    """Sizes of a place: "32 x 32", "16000 steps"."""
    return f"{sizes[0]} steps" if len(sizes) == 1 else " x ".join(map(str, sizes))


def _windowed(failure: Failure, found: MapRecord, features: int) -> MapRecord:
    """The same map with the windows of the layers: the graphs of torch 2.4 do not tell whether hooks hold theirs."""
    other = _by_layers(failure, features)
    return other if other is not None and other.shape[1:] == found.shape[1:] else found


# -- without a graph --------------------------------------------------------------------------------------------------


def _by_layers(failure: Failure, features: int) -> MapRecord | None:
    """The map that the module's layers make, one after another, of an image in reach: where its features are those
    that came, the layers are all that there is."""
    last = failure.layer
    before: list[ModuleRecord] = []
    for layer in failure.layers:
        if last is not None and layer.name == last.name:
            break
        before.append(layer)
    convolutions = [layer for layer in before if layer.type.startswith("Conv")]
    slides = [layer for layer in before if layer.type.startswith(("Conv", "MaxPool", "AvgPool"))]
    if not convolutions or any(layer.type.startswith(("Adaptive", "Upsample", "Unfold")) for layer in before):
        return None
    channels = convolutions[-1].facts.get("out_channels")
    orders = [slides]
    if len(slides) == len(convolutions) + 1:  # one pooling, that is called after each of them
        pool = next(one for one in slides if one not in convolutions)
        orders.append([one for convolution in convolutions for one in (convolution, pool)])
    for image, slides in product(_images(failure, convolutions[0]), orders):
        windows = tuple(_slid(slides, image[2:]))
        places = through(windows, image[2:]) if len(windows) == len(slides) else None
        if places is not None and type(channels) is int and channels * prod(places) == features:
            return MapRecord((image[0], channels, *places), windows)
    return None


def _images(failure: Failure, first: ModuleRecord) -> Iterator[Sizes]:
    """The shapes of the tensors in reach that the first convolution takes."""
    rank = int(first.type[-2]) if first.type[-2:-1].isdigit() else 0
    for frame in reversed(failure.frames):
        operands = frame.expression.operands if frame.expression is not None else ()
        for value in (*frame.locals, *operands):
            shape = shape_of(value)
            if shape is not None and len(shape) == rank + 2 and shape[1] == first.facts.get("in_channels"):
                yield shape


def _slid(slides: list[ModuleRecord], sizes: Sizes) -> Iterator[WindowRecord]:
    rank = len(sizes)
    given: Sizes | None = sizes
    for layer in slides:
        settings = [
            _each(layer.facts.get(name, one), rank, one)
            for name, one in (("kernel_size", None), ("stride", None), ("padding", 0), ("dilation", 1))
        ]
        kernel, stride, padding, dilation = settings
        more = _each(layer.facts.get("output_padding"), rank, 0) if layer.type.startswith("ConvTranspose") else None
        if given is None or kernel is None or padding is None or dilation is None:
            return
        up = layer.facts.get("ceil_mode") is True
        window = WindowRecord(given, kernel, stride or kernel, padding, dilation, up, more)
        yield window
        given = window.of(given)


def _each(value: object, rank: int, otherwise: int | None) -> Sizes | None:
    """A setting for each dimension; None where it is not known (or a word, as "same")."""
    value = otherwise if value is None else value
    if isinstance(value, int):
        return (value,) * rank
    if isinstance(value, (list, tuple)) and len(value) == rank and all(isinstance(one, int) for one in value):
        return tuple(value)
    return None
