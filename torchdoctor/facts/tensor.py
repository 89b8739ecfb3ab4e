"""The algebra of shapes and memory layout: what each kind of view does to them, and which views torch refuses.

It all works with sizes that are symbols and with facts that are not there. A layout tells of the dimensions that have
more than one element; where a size is not known, "not contiguous" and "cannot be viewed" take it to be more than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Layout, Shape, dim_of, dropped, in_order, is_contiguous, shortened, without
from torchdoctor.facts.axis import Axis
from torchdoctor.facts.values import Dim, Known, Size, Tensor


def identity(tensor: Tensor) -> Tensor:
    """The tensor without its facts: what symbols for its sizes refer to."""
    return Tensor(tensor.source, tensor.of)


def size(tensor: Tensor, dim: int) -> Dim:
    """The size of one dimension, counted from the end where negative: known, or the symbol for it."""
    if tensor.shape is None:
        known = tensor.tail.value if tensor.tail is not None else ()
        found = known[dim] if -len(known) <= dim < 0 else None
        return found if found is not None else Size(identity(tensor), dim)
    rank = len(tensor.shape.value)
    if not -rank <= dim < rank:
        return None
    return tensor.shape.value[dim]


def numel(tensor: Tensor) -> Dim:
    """The number of elements, or an expression of symbols for it."""
    return s.product(tensor.shape.value) if tensor.shape is not None else None


def named(tensor: Tensor) -> Tensor:
    """The tensor with a symbol for every size that is not known."""
    if tensor.shape is None or None not in tensor.shape.value:
        return tensor
    me = identity(tensor)
    dims = tuple(Size(me, place) if dim is None else dim for place, dim in enumerate(tensor.shape.value))
    return tensor.but(shape=Known(dims, tensor.shape.because))


def refine_rank(tensor: Tensor, rank: int) -> Tensor:
    """The same tensor, now known to have this many dimensions (`b, n, c = x.shape`)."""
    if tensor.shape is not None:
        return tensor
    me = identity(tensor)
    dims: list[Dim] = [Size(me, dim) for dim in range(rank)]
    if tensor.tail is not None and len(tensor.tail.value) <= rank:
        for place, dim in enumerate(reversed(tensor.tail.value), 1):
            dims[-place] = dim if dim is not None else dims[-place]
    because = tensor.tail.because if tensor.tail is not None else tensor.source
    return with_layout(tensor.but(shape=Known(tuple(dims), because)))


def with_layout(tensor: Tensor) -> Tensor:
    """The tensor with the layout that follows from its being contiguous."""
    if tensor.shape is None or tensor.layout is not None or tensor.contiguous is None or not tensor.contiguous.value:
        return tensor
    return tensor.but(layout=Known(in_order(tensor.shape.value), tensor.contiguous.because))


def placed(tensor: Tensor, shape: Shape | None, layout: Layout | None, node: cst.CSTNode) -> Tensor:
    """The tensor with another shape and layout, and what follows from them."""
    contiguous = is_contiguous(layout, shape) if layout is not None else None
    return tensor.but(
        shape=Known(shape, node) if shape is not None else None,
        layout=Known(layout, node) if layout is not None else None,
        contiguous=Known(contiguous, node) if contiguous is not None else None,
    )


def contiguous(tensor: Tensor, shape: Shape | None, node: cst.CSTNode) -> Tensor:
    """The tensor, newly laid out in order with this shape."""
    if shape is not None:
        return placed(tensor, shape, in_order(shape), node)
    return tensor.but(shape=None, layout=None, contiguous=Known(True, node))


def scattered(tensor: Tensor, shape: Shape | None, node: cst.CSTNode) -> Tensor:
    """The tensor with this shape, and nothing known of its place in memory."""
    return placed(tensor, shape, None, node)


# -- views that keep the sizes -----------------------------------------------------------------------------------------


def permuted(tensor: Tensor, order: Sequence[int], node: cst.CSTNode) -> Tensor | None:
    """Dimensions in another order (`permute`); None where torch refuses."""
    tensor = refine_rank(tensor, len(order))
    rank = tensor.rank
    places = [dim_of(dim, len(order)) for dim in order]
    if rank != len(order) or None in places or len(set(places)) != len(order):
        return None
    return _reordered(tensor, [place for place in places if place is not None], node)


def _reordered(tensor: Tensor, order: Sequence[int], node: cst.CSTNode) -> Tensor:
    if list(order) == list(range(len(order))):
        return tensor
    shape = tuple(tensor.shape.value[dim] for dim in order) if tensor.shape is not None else None
    layout = tuple(tensor.layout.value[dim] for dim in order) if tensor.layout is not None else None
    moved = placed(tensor, shape, layout, node)
    if (
        moved.contiguous is not None
        and tensor.contiguous is not None
        and moved.contiguous.value == tensor.contiguous.value
    ):
        return moved.but(contiguous=tensor.contiguous)
    return moved


def transposed(tensor: Tensor, first: int, second: int, node: cst.CSTNode) -> Tensor | None:
    """Two dimensions exchanged; None where torch refuses."""
    rank = tensor.rank
    if rank is None:
        moved = first != second and (first < 0) == (second < 0)
        was = tensor.contiguous
        now = Known(False, node) if moved and was is not None and was.value else was if first == second else None
        return tensor.but(shape=None, layout=None, contiguous=now)
    a, b = dim_of(first, max(rank, 1)), dim_of(second, max(rank, 1))
    if a is None or b is None:
        return None
    order = list(range(rank))
    if rank:
        order[a], order[b] = order[b], order[a]
    return _reordered(tensor, order, node)


def moved(tensor: Tensor, sources: Sequence[int], targets: Sequence[int], node: cst.CSTNode) -> Tensor | None:
    """Dimensions moved to other places (`movedim`); None where torch refuses or the rank is not known."""
    rank = tensor.rank
    if rank is None or len(sources) != len(targets):
        return None
    a, b = [dim_of(dim, rank) for dim in sources], [dim_of(dim, rank) for dim in targets]
    if None in a or None in b or len(set(a)) != len(a) or len(set(b)) != len(b):
        return None
    order: list[int | None] = [None] * rank
    for source, target in zip(a, b, strict=True):
        assert target is not None
        order[target] = source
    rest = iter(dim for dim in range(rank) if dim not in a)
    return _reordered(tensor, [next(rest) if dim is None else dim for dim in order], node)


# -- views that drop, add and shorten dimensions -----------------------------------------------------------------------


def selected(tensor: Tensor, dim: int, at: Dim, node: cst.CSTNode) -> Tensor | None:
    """One entry of a dimension, which goes away; None where torch refuses."""
    if tensor.rank is None:
        was = tensor.contiguous
        return tensor.but(
            shape=None, layout=None, contiguous=was if was is not None and was.value and dim == 0 else None
        )
    place = dim_of(dim, tensor.rank)
    if place is None:
        return None
    length = tensor.shape.value[place] if tensor.shape is not None else None
    if isinstance(at, int) and isinstance(length, int) and not -length <= at < length:
        return None
    shape = without(tensor.shape.value, place) if tensor.shape is not None else None
    layout = None
    if tensor.layout is not None:
        several = (
            True if isinstance(at, int) and at not in (0, -1) else length != 1 if isinstance(length, int) else None
        )
        layout = dropped(tensor.layout.value, place, several)
    return placed(tensor, shape, layout, node)


def narrowed(
    tensor: Tensor, dim: int, length: Dim, shorter: bool | None, node: cst.CSTNode, *, step: int | None = 1
) -> Tensor | None:
    """A slice of a dimension.

    ``length`` is what is left; ``shorter`` whether that is less than before (None: perhaps); ``step`` None where it is
    not known. Returns None where torch refuses.
    """
    if shorter is False and step == 1:
        return tensor
    if tensor.rank is None:
        was = tensor.contiguous
        kept = was if was is not None and was.value and dim == 0 and step == 1 else None
        return tensor.but(shape=None, layout=None, contiguous=kept)
    place = dim_of(dim, tensor.rank)
    if place is None:
        return None
    shape = None
    if tensor.shape is not None:
        shape = (*tensor.shape.value[:place], length, *tensor.shape.value[place + 1 :])
    layout = shortened(tensor.layout.value, place, length, shorter, step) if tensor.layout is not None else None
    return placed(tensor, shape, layout, node)


def unsqueezed(tensor: Tensor, dim: int, node: cst.CSTNode) -> Tensor | None:
    """A dimension of size one put in; None where torch refuses."""
    rank = tensor.rank
    if rank is None:
        return tensor.but(shape=None, layout=None)
    place = dim_of(dim, rank + 1)
    if place is None:
        return None
    shape = (*tensor.shape.value[:place], 1, *tensor.shape.value[place:]) if tensor.shape is not None else None
    layout = None
    if tensor.layout is not None:
        layout = (*tensor.layout.value[:place], Axis(None), *tensor.layout.value[place:])
    return _same_memory(tensor, shape, layout, node)


def squeezed(tensor: Tensor, dims: Sequence[int] | None, node: cst.CSTNode) -> Tensor | None:
    """Dimensions of size one taken out (all of them for None); None where torch refuses."""
    if tensor.shape is None:
        return tensor.but(shape=None, layout=None)
    rank = len(tensor.shape.value)
    places = [dim_of(dim, max(rank, 1)) for dim in dims] if dims is not None else list(range(rank))
    if None in places:
        return None
    chosen = {place for place in places if place is not None and place < rank}
    if any(not isinstance(tensor.shape.value[place], int) for place in chosen):
        return tensor.but(shape=None, layout=None)
    kept = [place for place in range(rank) if place not in chosen or tensor.shape.value[place] != 1]
    shape = tuple(tensor.shape.value[place] for place in kept)
    layout = None
    if tensor.layout is not None:
        layout = tensor.layout.value
        for place in sorted(set(range(rank)) - set(kept), reverse=True):
            layout = dropped(layout, place, False)
    return _same_memory(tensor, shape, layout, node)


def _same_memory(tensor: Tensor, shape: Shape | None, layout: Layout | None, node: cst.CSTNode) -> Tensor:
    """Another shape of the same elements in the same order: contiguous as before, and for the same reason."""
    return tensor.but(
        shape=Known(shape, node) if shape is not None else None,
        layout=Known(layout, tensor.layout.because) if layout is not None and tensor.layout is not None else None,
    )


def expanded(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """Dimensions of size one repeated without a copy; -1 keeps a size. None where torch refuses."""
    if tensor.shape is None:
        return placed(tensor, tuple(None if dim == -1 else dim for dim in target), None, node)
    old = tensor.shape.value
    more = len(target) - len(old)
    if more < 0 or -1 in target[:more]:
        return None
    shape: list[Dim] = list(target[:more])
    axes: list[Axis] | None = [Axis(None, repeated=dim != 1) for dim in target[:more]]
    for place, (was, now) in enumerate(zip(old, target[more:], strict=True)):
        axis = tensor.layout.value[place] if tensor.layout is not None else None
        grown = _grown(was, now)
        shape.append(was if now == -1 or grown is False else now)
        if axis is None or grown is None or axes is None:
            axes = None
        else:
            axes.append(Axis(None, repeated=True) if grown else axis)
        if isinstance(was, int) and isinstance(now, int) and was != 1 and now not in (-1, was):
            return None
    return placed(tensor, tuple(shape), tuple(axes) if axes is not None else None, node)


def _grown(was: Dim, now: Dim) -> bool | None:
    """Whether expanding a dimension of this size to that one repeats it."""
    if now == -1 or s.same(was, now):
        return False
    if was == 1:
        return True
    return False if isinstance(was, int) else None
