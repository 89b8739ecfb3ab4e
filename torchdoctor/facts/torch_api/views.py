"""Functions that see the elements of a tensor otherwise: `view`, `transpose`, `expand` and their kind."""

from __future__ import annotations

from collections.abc import Callable

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.axis import Axis
from torchdoctor.facts.tensor import (
    contiguous,
    expanded,
    moved,
    narrowed,
    numel,
    permuted,
    scattered,
    selected,
    size,
    squeezed,
    transposed,
    unsqueezed,
)
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.gradients import cut
from torchdoctor.facts.torch_api.rows import Row, attempt, effect, seeing, view
from torchdoctor.facts.torch_api.rules import shape_of
from torchdoctor.facts.values import Const, Dim, Tensor, Value
from torchdoctor.facts.viewing import flattened, reshaped, unflattened, view_fails, viewed

Viewing = Callable[[Tensor, tuple[Dim, ...], Use], Tensor | None]


# -- dimensions in another order ---------------------------------------------------------------------------------------


def transpose(use: Use) -> Tensor | None:
    return transposed(use.tensor(), use.number("dim0"), use.number("dim1"), use.node)


def permute(use: Use) -> Tensor | None:
    dims = use.sizes("dims")
    if not all(isinstance(dim, int) for dim in dims):
        return _of_rank(use, len(dims))
    return permuted(use.tensor(), [dim for dim in dims if isinstance(dim, int)], use.node)


def _of_rank(use: Use, rank: int) -> Tensor:
    return scattered(use.tensor(), (None,) * rank, use.node)


def movedim(use: Use) -> Tensor | None:
    source, target = use.dims("source"), use.dims("destination")
    if use.tensor().rank is None:
        return scattered(use.tensor(), None, use.node)
    return moved(use.tensor(), source or (), target or (), use.node)


def t(use: Use) -> Tensor | None:
    """`t()` transposes a matrix and leaves what has fewer dimensions."""
    tensor = use.tensor()
    if tensor.rank is None:
        return scattered(tensor, None, use.node)
    return tensor if tensor.rank < 2 else transposed(tensor, 0, 1, use.node) if tensor.rank == 2 else None


def matrix_transpose(use: Use) -> Tensor | None:
    """`mT`: the last two dimensions exchanged."""
    return transposed(use.tensor(), -2, -1, use.node)


def reverse(use: Use) -> Tensor | None:
    """`T`: all dimensions in reverse."""
    tensor = use.tensor()
    if tensor.rank is None:
        return scattered(tensor, None, use.node)
    return permuted(tensor, list(reversed(range(tensor.rank))), use.node)


# -- other sizes ------------------------------------------------------------------------------------------------------


def _other_sizes(use: Use) -> tuple[Dim, ...]:
    other = use.tensor("other")
    if other.rank is None:
        raise NotKnown("other")
    return tuple(size(other, dim) for dim in range(other.rank))


def _sizes(use: Use) -> tuple[Dim, ...]:
    return use.sizes("size")


def reshape_to(sizes: Callable[[Use], tuple[Dim, ...]]) -> Callable[[Use], Value | None]:
    """A reshape: its result shares memory where it is surely a view."""

    def result(use: Use) -> Value | None:
        return reshaping(use, lambda tensor: reshaped(tensor, sizes(use), use.node))

    return result


def reshaping(use: Use, change: Callable[[Tensor], Tensor | None]) -> Tensor | None:
    """What a function gives that is a view where that is possible and a copy elsewhere."""
    tensor = attempt(lambda use: use.tensor(), use)
    seen = attempt(lambda use: change(use.tensor()), use)
    if tensor is None:
        return None
    if seen is None:
        contiguous = tensor.contiguous if tensor.contiguous is not None and tensor.contiguous.value else None
        seen = scattered(tensor, None, use.node).but(contiguous=contiguous)
    result = seeing(use, seen)
    shape = shape_of(seen)
    copied = shape is not None and view_fails(tensor, shape) is not None
    return result if seen.layout is not None and not copied else result.but(views=None)


def _view(use: Use) -> Tensor | None:
    """`view(*sizes)`; `view(dtype)` is another thing."""
    if len(use.rest) == 1 and not isinstance(use.rest[0], Const) and s.dim(use.rest[0]) is not None:
        return scattered(use.tensor(), None, use.node)  # sizes in a variable, or a dtype
    return viewed(use.tensor(), use.sizes("size"), use.node)


def flatten(use: Use) -> Value | None:
    start, end = use.number("start_dim", 0), use.number("end_dim", -1)
    return reshaping(use, lambda tensor: flattened(tensor, start, end, use.node))


def ravel(use: Use) -> Value:
    """`ravel` copies whatever is not contiguous."""
    tensor = use.tensor()
    seen = contiguous(tensor, (numel(tensor),), use.node)
    sure = tensor.contiguous is not None and tensor.contiguous.value
    return seeing(use, seen) if sure else seeing(use, seen).but(views=None)


def unflatten(use: Use) -> Tensor | None:
    return unflattened(use.tensor(), use.number("dim"), use.sizes("sizes"), use.node)


def expand(use: Use) -> Tensor | None:
    return expanded(use.tensor(), use.sizes("size"), use.node)


# -- dimensions added, dropped, shortened ------------------------------------------------------------------------------


def unsqueeze(use: Use) -> Tensor | None:
    return unsqueezed(use.tensor(), use.number("dim"), use.node)


def squeeze(use: Use) -> Tensor | None:
    return squeezed(use.tensor(), use.dims("dim"), use.node)


def select(use: Use) -> Tensor | None:
    return selected(use.tensor(), use.number("dim"), use.size("index"), use.node)


def narrow(use: Use) -> Tensor | None:
    tensor, dim, length = use.tensor(), use.number("dim"), use.size("length")
    was = size(tensor, dim) if tensor.rank is not None else None
    equal = s.same(length, was)
    return narrowed(tensor, dim, length, None if equal is None else not equal, use.node)


def diagonal(use: Use) -> Tensor | None:
    """The last dimension of the result is the diagonal of two of the input."""
    tensor = use.tensor()
    first, second = use.number("dim1", 0), use.number("dim2", 1)
    if tensor.shape is None:
        return scattered(tensor, None, use.node)
    rank = len(tensor.shape.value)
    places = dim_of(first, rank), dim_of(second, rank)
    if None in places or places[0] == places[1]:
        return None
    rest = tuple(dim for place, dim in enumerate(tensor.shape.value) if place not in places)
    square = s.same(size(tensor, first), size(tensor, second)) and use.number("offset", 0) == 0
    return scattered(tensor, (*rest, size(tensor, first) if square else None), use.node)


def unfold(use: Use) -> Tensor | None:
    """Windows of one dimension: as many as fit, their size as a new last dimension."""
    tensor, window, step = use.tensor(), use.size("size"), use.size("step")
    if tensor.shape is None:
        return scattered(tensor, None, use.node)
    dim = dim_of(use.number("dimension"), len(tensor.shape.value))
    if dim is None:
        return None
    length = tensor.shape.value[dim]
    count: Dim = None
    if isinstance(length, int) and isinstance(window, int) and isinstance(step, int) and step > 0:
        count = (length - window) // step + 1
    shape = tensor.shape.value
    return scattered(tensor, (*shape[:dim], count, *shape[dim + 1 :], window), use.node)


def _real_pairs(use: Use) -> Tensor | None:
    tensor = use.tensor()
    shape = shape_of(tensor)
    seen = scattered(tensor.but(dtype=None), (*shape, 2) if shape is not None else None, use.node)
    kept = tensor.contiguous is not None and tensor.contiguous.value
    return seen.but(contiguous=tensor.contiguous) if kept else seen


def _complex_pairs(use: Use) -> Tensor | None:
    tensor = use.tensor()
    shape = shape_of(tensor)
    return scattered(tensor.but(dtype=None), shape[:-1] if shape else None, use.node)


def itself(use: Use) -> Tensor:
    """The same elements with the same sizes."""
    return use.tensor()


def channels_last(shape: Shape) -> tuple[Axis, ...] | None:
    """The layout of images whose channels lie innermost."""
    if len(shape) not in (4, 5) or 1 in shape:
        return None
    rank = len(shape)
    return (Axis(0), Axis(rank - 1), *(Axis(place) for place in range(1, rank - 1)))


ROWS: tuple[Row, ...] = (
    view("transpose swapaxes swapdims", "input dim0 dim1", transpose),
    view("permute", "input *dims", permute),
    view("movedim moveaxis", "input source destination", movedim),
    view("t", "input", t),
    view("adjoint", "input", matrix_transpose),
    view(".view", "input *size", _view),
    view(".view_as", "input other", lambda use: viewed(use.tensor(), _other_sizes(use), use.node)),
    effect("reshape", "input *size", reshape_to(_sizes), "view"),
    effect(".reshape_as", "input other", reshape_to(_other_sizes), "view"),
    effect("flatten", "input start_dim end_dim", flatten, "view"),
    effect("ravel", "input", ravel, "view"),
    view("unflatten", "input dim sizes", unflatten),
    view("broadcast_to .expand", "input *size", expand),
    view(".expand_as", "input other", lambda use: expanded(use.tensor(), _other_sizes(use), use.node)),
    view("unsqueeze", "input dim", unsqueeze),
    view("squeeze", "input dim", squeeze),
    view("select", "input dim index", select),
    view("narrow", "input dim start length", narrow),
    view("diagonal torch.linalg.diagonal", "input offset dim1 dim2", diagonal),
    view(".unfold", "input dimension size step", unfold),
    view("torch.view_as_real", "input", _real_pairs),
    view("torch.view_as_complex", "input", _complex_pairs),
    view("detach", "input", itself, grad=cut),
    view("conj", "input", itself),
)
