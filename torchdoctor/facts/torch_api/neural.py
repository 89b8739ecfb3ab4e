"""torch.nn.functional: convolutions, pooling, normalisation, embeddings, resampling."""

from __future__ import annotations

import math
from collections.abc import Callable

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.torch_api import windows
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import cut, joined_grad
from torchdoctor.facts.torch_api.memory import fresh, fresh_if_input_contiguous, unordered
from torchdoctor.facts.torch_api.rows import Effect, Row, computed, effect, row
from torchdoctor.facts.torch_api.rules import ShapeRule, ending, ending_space, fixed, floating, of_floats, shape_of
from torchdoctor.facts.values import Dim, Known, Sequence, Value

Sliding = Callable[[Use, Shape | None, int], Shape | None]


def layer(names: str, parameters: str, shape: ShapeRule) -> Row:
    """A layer of images or signals, contiguous where these are; what it makes of integers differs."""
    return row(names, parameters, shape=shape, memory=fresh_if_input_contiguous, dtype=of_floats)


def moving(names: str, parameters: str, shape: ShapeRule) -> Row:
    """The same for what only moves values: their dtype stays."""
    return row(names, parameters, shape=shape, memory=fresh_if_input_contiguous)


def _convolution(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        weight = shape_of(use.tensor("weight"))
        if weight is None or len(weight) != rank + 2:
            return None
        return windows.convolved(use, shape_of(use.tensor()), weight[0], weight[2:], rank)

    return shape


def _transposed(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        weight, groups = shape_of(use.tensor("weight")), use.size("groups", 1)
        if weight is None or len(weight) != rank + 2:
            return None
        return windows.transposed(use, shape_of(use.tensor()), s.product((weight[1], groups)), weight[2:], rank)

    return shape


def slides(sliding: Sliding, rank: int) -> ShapeRule:
    """The shape that a window of so many dimensions gives."""

    @ending(lambda use: sliding(use, ending_space(use, rank), rank))
    def shape(use: Use) -> Shape | None:
        return sliding(use, shape_of(use.tensor()), rank)

    return shape


def with_indices(shape: ShapeRule) -> Effect:
    """`return_indices=True` gives a pair."""

    def result(use: Use) -> Value:
        if not use.flag("return_indices"):
            return computed(use, shape=shape, memory=fresh_if_input_contiguous)
        values = computed(use, shape=shape, memory=fresh_if_input_contiguous, place=0)
        indices = computed(use, shape=shape, memory=unordered, grad=cut, dtype=fixed("int64"), place=1)
        return Sequence((values, indices))

    return result


def pooling(names: str, parameters: str, shape: ShapeRule) -> Row:
    """A pooling that can tell where it found its maxima."""
    return effect(names, parameters, with_indices(shape), "computed")


# -- embeddings -------------------------------------------------------------------------------------------------------


def _embedded(use: Use) -> Shape | None:
    shape, weight = shape_of(use.tensor()), shape_of(use.tensor("weight"))
    return None if shape is None else (*shape, weight[1] if weight is not None and len(weight) == 2 else None)


def _of_weight(use: Use) -> Known[str] | None:
    return joined_grad(use, [use.tensor("weight")])


# -- other sizes ------------------------------------------------------------------------------------------------------


def padded(use: Use) -> Shape | None:
    """`pad`: pairs of numbers, the first for the last dimension."""
    return padded_shape(shape_of(use.tensor()), use.sizes("pad"))


def padded_shape(shape: Shape | None, pairs: Shape) -> Shape | None:
    """A shape with its last dimensions padded."""
    if shape is None or len(pairs) % 2 or len(pairs) > 2 * len(shape):
        return None
    result = list(shape)
    for place in range(len(pairs) // 2):
        at = len(shape) - 1 - place
        result[at] = s.total((result[at], pairs[2 * place], pairs[2 * place + 1]))
    return tuple(result)


def resized(use: Use) -> Shape | None:
    """`interpolate`: to a size, or by a factor."""
    shape = shape_of(use.tensor())
    if shape is None or len(shape) < 3:
        return None
    rank = len(shape) - 2
    if use.has("size"):
        return (*shape[:2], *windows.each(use, "size", None, rank))
    factors = use.constant("scale_factor")
    factors = factors if isinstance(factors, tuple) else (factors,) * rank
    if len(factors) != rank or not all(isinstance(factor, (int, float)) for factor in factors):
        return None
    return (*shape[:2], *map(_scaled, shape[2:], factors))


def _scaled(size: Dim, factor: float) -> Dim:
    if isinstance(size, int):
        return math.floor(size * factor)
    return s.product((size, int(factor))) if factor == int(factor) else None


def shuffled(use: Use) -> Shape | None:
    """`pixel_shuffle`: channels turned to pixels."""
    shape, factor = shape_of(use.tensor()), use.size("upscale_factor")
    if shape is None or len(shape) < 3:
        return None
    channels = s.quotient(shape[-3], s.product((factor, factor)))
    return (*shape[:-3], channels, s.product((shape[-2], factor)), s.product((shape[-1], factor)))


def unshuffled(use: Use) -> Shape | None:
    """`pixel_unshuffle`: pixels turned to channels."""
    shape, factor = shape_of(use.tensor()), use.size("downscale_factor")
    if shape is None or len(shape) < 3:
        return None
    sizes = (s.quotient(dim, factor) for dim in shape[-2:])
    return (*shape[:-3], s.product((shape[-3], factor, factor)), *sizes)


def halved(use: Use) -> Shape | None:
    """`glu`: one dimension halved."""
    shape = shape_of(use.tensor())
    dim = dim_of(use.number("dim", -1), len(shape)) if shape is not None else None
    if shape is None or dim is None:
        return None
    return (*shape[:dim], s.quotient(shape[dim], 2), *shape[dim + 1 :])


def _blocks(use: Use) -> Shape | None:
    """`unfold`: the windows' contents side by side, a column for each window."""
    shape = shape_of(use.tensor())
    parts = windows.spatial(shape, 2)
    if parts is None:
        return None
    front, sizes = parts
    kernel = windows.each(use, "kernel_size", None, 2)
    settings = [
        windows.each(use, name, default, 2) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    ]
    count = s.product(map(windows.slid, sizes, kernel, *settings))
    return (*front[:-1], s.product((front[-1], *kernel)), count)


def _sampled(use: Use) -> Shape | None:
    """`grid_sample`: the grid's size, the input's channels."""
    shape, grid = shape_of(use.tensor()), shape_of(use.tensor("grid"))
    return None if not shape or not grid else (*shape[:2], *grid[1:-1])


def _gridded(use: Use) -> Shape | None:
    size = use.sizes("size")
    return (size[0], *size[2:], len(size) - 2) if len(size) in (4, 5) else None


POOL = "kernel_size stride padding dilation ceil_mode return_indices"
AVERAGE = "kernel_size stride padding ceil_mode count_include_pad divisor_override"

ROWS: tuple[Row, ...] = (
    *(
        layer(f"F.conv{n}d torch.conv{n}d", "input weight bias stride padding dilation groups", _convolution(n))
        for n in (1, 2, 3)
    ),
    *(
        layer(
            f"F.conv_transpose{n}d torch.conv_transpose{n}d",
            "input weight bias stride padding output_padding groups dilation",
            _transposed(n),
        )
        for n in (1, 2, 3)
    ),
    *(pooling(f"F.max_pool{n}d", f"input {POOL}", slides(windows.pooled, n)) for n in (1, 2, 3)),
    *(layer(f"F.avg_pool{n}d", f"input {AVERAGE}", slides(windows.pooled, n)) for n in (1, 2, 3)),
    *(layer(f"F.adaptive_avg_pool{n}d", "input output_size", slides(windows.adapted, n)) for n in (1, 2, 3)),
    *(
        pooling(f"F.adaptive_max_pool{n}d", "input output_size return_indices", slides(windows.adapted, n))
        for n in (1, 2, 3)
    ),
    *(
        layer(f"F.lp_pool{n}d", "input norm_type kernel_size stride ceil_mode", slides(windows.pooled, n))
        for n in (1, 2)
    ),
    row("F.batch_norm", "input running_mean running_var weight bias", memory=fresh_if_input_contiguous, dtype=floating),
    row(
        "F.instance_norm",
        "input running_mean running_var weight bias",
        memory=fresh_if_input_contiguous,
        dtype=floating,
    ),
    row("F.layer_norm", "input normalized_shape weight bias eps", memory=fresh, dtype=floating),
    row("F.rms_norm", "input normalized_shape weight eps", memory=fresh_if_input_contiguous, dtype=floating),
    row("F.group_norm", "input num_groups weight bias eps", memory=fresh_if_input_contiguous, dtype=floating),
    row("F.local_response_norm", "input size alpha beta k", memory=fresh_if_input_contiguous, dtype=floating),
    row("F.embedding", "input weight", shape=_embedded, memory=fresh, grad=_of_weight, dtype=None),
    moving("F.pad", "input pad mode value", padded),
    layer("F.interpolate F.upsample", "input size scale_factor mode align_corners", resized),
    moving("F.pixel_shuffle torch.pixel_shuffle", "input upscale_factor", shuffled),
    moving("F.pixel_unshuffle torch.pixel_unshuffle", "input downscale_factor", unshuffled),
    row("F.channel_shuffle", "input groups", memory=fresh_if_input_contiguous),
    layer("F.glu", "input dim", halved),
    layer("F.unfold", "input kernel_size dilation padding stride", _blocks),
    layer("F.fold", "input output_size kernel_size dilation padding stride", lambda use: None),
    row("F.grid_sample", "input grid mode padding_mode align_corners", shape=_sampled, memory=unordered, dtype=None),
    row("F.affine_grid", "input size align_corners", shape=_gridded, memory=unordered, dtype=None),
)
