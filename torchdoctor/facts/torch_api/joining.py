"""Functions that put tensors together, repeat them and take them apart."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.tensor import named, narrowed, scattered, selected
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.gradients import joined_grad
from torchdoctor.facts.torch_api.memory import fresh, fresh_if_contiguous, unordered
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.rows import Row, effect, row, seeing
from torchdoctor.facts.torch_api.rules import (
    ShapeRule,
    broadcast_shapes,
    ending,
    ending_of,
    promoted_dtypes,
    shape_of,
    unknown_sizes,
)
from torchdoctor.facts.values import Const, Dim, Known, Named, Result, Sequence, Size, Tensor, Value

_MOST_PARTS = 16  # a tuple of more parts is as good as unknown


# -- together ---------------------------------------------------------------------------------------------------------


def _joined_dtype(use: Use) -> Known[str] | None:
    return promoted_dtypes(use, use.tensors("tensors"))


def _catted_ends(use: Use) -> Shape | None:
    ends = [ending_of(tensor) for tensor in use.tensors("tensors")]
    if use.number("dim", 0) != -1 or not all(ends):
        return None
    return (s.total(end[-1] if end else None for end in ends),)


@ending(_catted_ends)
def _catted(use: Use) -> Shape | None:
    shapes = _shapes(use.tensors("tensors"))
    dim = dim_of(use.number("dim", 0), len(shapes[0]))
    if dim is None or any(len(shape) != len(shapes[0]) for shape in shapes):
        return None
    length = s.total(shape[dim] for shape in shapes)
    return _along_one(shapes, dim, length)


def _shapes(tensors: Sequence_[Tensor]) -> list[Shape]:
    shapes = [shape for tensor in tensors if (shape := shape_of(tensor)) is not None]
    if len(shapes) < len(tensors) or not shapes:
        raise NotKnown
    return shapes


def _along_one(shapes: list[Shape], dim: int, length: Dim) -> Shape:
    """What these have in common but for one dimension."""
    first = shapes[0]
    common: list[Dim] = list(first)
    for shape in shapes[1:]:
        for place, size in enumerate(shape):
            if common[place] is None or (isinstance(size, int) and not isinstance(common[place], int)):
                common[place] = size  # equal to the others, or torch refuses
    return (*common[:dim], length, *common[dim + 1 :])


def _stacked(use: Use) -> Shape | None:
    tensors = use.tensors("tensors")
    shapes = _shapes(tensors)
    dim = dim_of(use.number("dim", 0), len(shapes[0]) + 1)
    if dim is None:
        return None
    common = _along_one([(1, *shape) for shape in shapes], 0, 1)[1:]
    return (*common[:dim], len(tensors), *common[dim:])


def _images(use: Use, shape: Shape | None) -> Tensor:
    """Contiguous unless the inputs are images, whose layout torch may keep."""
    if shape is not None and len(shape) not in (4, 5):
        return fresh(use, shape)
    return fresh_if_contiguous(use, shape)


def _along_first(use: Use) -> Shape | None:
    """`vstack`: along the first dimension, of matrices at least."""
    shapes = [(1, *shape) if len(shape) == 1 else shape for shape in _shapes(use.tensors("tensors"))]
    if any(len(shape) != len(shapes[0]) or not shape for shape in shapes):
        return None
    return _along_one(shapes, 0, s.total(shape[0] for shape in shapes))


def _along_second(use: Use) -> Shape | None:
    """`hstack`: along the second dimension, of vectors along their only one."""
    shapes = _shapes(use.tensors("tensors"))
    if any(len(shape) != len(shapes[0]) or not shape for shape in shapes):
        return None
    dim = 0 if len(shapes[0]) == 1 else 1
    return _along_one(shapes, dim, s.total(shape[dim] for shape in shapes))


# -- repeated ---------------------------------------------------------------------------------------------------------


def _repeated(use: Use) -> Shape | None:
    """`repeat`: each dimension so many times, with new ones in front."""
    times = use.sizes("repeats")
    shape = shape_of(use.tensor())
    if shape is None:
        return (None,) * len(times)
    if len(times) < len(shape):
        return None
    padded = (*(1,) * (len(times) - len(shape)), *shape)
    return tuple(s.product(pair) for pair in zip(padded, times, strict=True))


def _tiled(use: Use) -> Shape | None:
    """`tile`: as `repeat`, but with ones in front where fewer times than dimensions are given."""
    times = use.sizes("dims")
    shape = shape_of(use.tensor())
    if shape is None:
        return None
    rank = max(len(times), len(shape))
    times, shape = (*(1,) * (rank - len(times)), *times), (*(1,) * (rank - len(shape)), *shape)
    return tuple(s.product(pair) for pair in zip(shape, times, strict=True))


def _interleaved(use: Use) -> Shape | None:
    """`repeat_interleave`: each entry so many times; of the flattened tensor without ``dim``."""
    shape, times = shape_of(use.tensor()), use.size("repeats")
    if not isinstance(times, (int, Size)):
        times = None  # may be a tensor with a number for each entry
    if not use.has("dim"):
        return (s.product((s.product(shape), times)) if shape is not None else None,)
    dim = dim_of(use.number("dim"), len(shape)) if shape is not None else None
    if shape is None or dim is None:
        return None
    return (*shape[:dim], s.product((shape[dim], times)), *shape[dim + 1 :])


# -- taken apart ------------------------------------------------------------------------------------------------------


def _parts(use: Use, lengths: Sequence_[Dim], dim: int) -> Value | None:
    """Slices of these lengths, side by side."""
    tensor = use.tensor()
    if len(lengths) > _MOST_PARTS:
        return None
    pieces: list[Value] = []
    for place, length in enumerate(lengths):
        piece = narrowed(tensor, dim, length, len(lengths) > 1, use.node)
        if piece is None:
            return None
        pieces.append(seeing(use, piece, place=place))
    return Sequence(tuple(pieces))


def _length(use: Use, dim: int) -> Dim:
    shape = shape_of(use.tensor())
    place = dim_of(dim, len(shape)) if shape is not None else None
    return shape[place] if shape is not None and place is not None else None


def _chunked(use: Use) -> Value | None:
    """`chunk`: so many equal parts; of few entries there may be fewer parts, and the last may be shorter."""
    count, dim = use.number("chunks"), use.number("dim", 0)
    if not 0 < count <= _MOST_PARTS:
        return None
    length = _length(use, dim)
    if isinstance(length, int):
        each = -(-length // count)
        return _parts(use, _equal(length, each), dim) if length else None
    even = s.quotient(length, count)
    return _parts(use, [even] * count if _divides(length, count) else [None] * count, dim)


def _divides(length: Dim, count: int) -> bool:
    return length is not None and s.same(s.product((s.quotient(length, count), count)), length) is True


def _equal(length: int, each: int) -> list[Dim]:
    """Parts of one size, the last shorter; one empty part of nothing."""
    return [min(each, length - start) for start in range(0, length, each)] or [0]


def _split(use: Use) -> Value | None:
    """`split`: parts of one size, of which only the last may be shorter, or parts of given sizes."""
    dim = use.number("dim", 0)
    given = use.value("split_size")
    if given is None or (isinstance(given, Const) and given.kind is not int):
        raise NotKnown  # `line.split(",")`
    if s.dim(given) is None:
        return _parts(use, use.sizes("split_size"), dim)
    length, each = _length(use, dim), use.size("split_size")
    if isinstance(length, int) and isinstance(each, int) and each > 0:
        return _parts(use, _equal(length, each), dim)
    count = s.quotient(length, each) if length is not None else None
    if isinstance(count, int) and s.same(s.product((count, each)), length):
        return _parts(use, [each] * count, dim)
    return None


def _unbound(use: Use) -> Value | None:
    """`unbind`: every entry of a dimension."""
    dim = use.number("dim", 0)
    tensor, count = use.tensor(), _length(use, dim)
    if not isinstance(count, int) or not 0 < count <= _MOST_PARTS:
        return None
    pieces = [selected(tensor, dim, at, use.node) for at in range(count)]
    if None in pieces:
        return None
    return Sequence(tuple(seeing(use, piece, place=at) for at, piece in enumerate(pieces) if piece is not None))


def _several(use: Use) -> tuple[Tensor, ...]:
    """Tensors given one by one, or together as a tuple or list."""
    if len(use.rest) == 1 and "tensors" not in use.given and use.items(use.rest[0]):
        use.given["tensors"] = use.rest[0]
    if "tensors" in use.given:
        return use.tensors("tensors")
    found = [as_tensor(value) for value in use.rest]
    perhaps_several = len(found) == 1 and not isinstance(use.rest[0], Tensor)
    if not found or None in found or use.arguments.starred or perhaps_several:
        raise NotKnown
    return tuple(tensor for tensor in found if tensor is not None)


def _seen_with(use: Use, tensors: Sequence_[Tensor], shape: Shape | None) -> Value:
    """Each of these expanded to one shape."""
    return Sequence(
        tuple(
            named(
                scattered(tensor, shape, use.node).but(
                    source=use.node,
                    of=Result(use.node, Named("torch"), place),
                    grad=_of_one(use, tensor),
                    scale=None,
                    views=tensor,
                )
            )
            for place, tensor in enumerate(tensors)
        )
    )


def _of_one(use: Use, tensor: Tensor) -> Known[str] | None:
    off = use.arguments.grad is not None and not use.arguments.grad.value
    return None if off else joined_grad(use, [tensor])


def _broadcast_together(use: Use) -> Value:
    tensors = _several(use)
    return _seen_with(use, tensors, broadcast_shapes(map(shape_of, tensors)))


def _grid(use: Use) -> Value:
    """`meshgrid`: a dimension for each vector; "xy" exchanges the first two."""
    tensors = _several(use)
    dims = [shape[0] if (shape := shape_of(tensor)) else 1 if shape == () else None for tensor in tensors]
    if use.constant("indexing", "ij") == "xy" and len(dims) > 1:
        dims[:2] = dims[1::-1]
    return _seen_with(use, tensors, tuple(dims))


def join(names: str, parameters: str, shape: ShapeRule) -> Row:
    """Tensors put together to one."""
    return row(names, parameters, shape=shape, memory=_images, dtype=_joined_dtype)


ROWS: tuple[Row, ...] = (
    join("torch.cat torch.concat torch.concatenate", "tensors dim", _catted),
    join("torch.stack", "tensors dim", _stacked),
    join("torch.vstack torch.row_stack", "tensors", _along_first),
    join("torch.hstack", "tensors", _along_second),
    row(
        "torch.nn.utils.rnn.pad_sequence", "sequences batch_first", shape=lambda use: None, memory=unordered, dtype=None
    ),
    row("torch.block_diag", "*tensors", shape=unknown_sizes(2), memory=unordered, dtype=None),
    effect("torch.broadcast_tensors", "*tensors", _broadcast_together),
    effect("torch.meshgrid", "*tensors", _grid),
    row(".repeat", "input *repeats", shape=_repeated, memory=fresh, scale=None),
    row("tile", "input *dims", shape=_tiled, memory=fresh),
    row("repeat_interleave", "input repeats dim output_size", shape=_interleaved, memory=fresh),
    effect("chunk", "input chunks dim", _chunked, "view"),
    effect("split", "input split_size dim", _split, "view"),
    effect("split_with_sizes", "input split_size dim", _split, "view"),
    effect("unbind", "input dim", _unbound, "view"),
)
