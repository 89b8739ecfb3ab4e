"""The algebra of shapes and memory layout: what each kind of view does to them, and which views torch refuses.

All of it works with sizes that are symbols and with facts that are not there. A layout tells of the dimensions that have more
than one element; where a size is not known, "not contiguous" and "cannot be viewed" take it to be more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.values import Axis, Dim, Known, Size, Tensor

Shape = tuple[Dim, ...]
Layout = tuple[Axis, ...]


def identity(tensor: Tensor) -> Tensor:
    """The tensor without its facts: what symbols for its sizes refer to."""
    return Tensor(tensor.source, tensor.of)


def size(tensor: Tensor, dim: int) -> Dim:
    """The size of one dimension, counted from the end where negative: known, or the symbol for it."""
    if tensor.shape is None:
        return Size(identity(tensor), dim)
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
    return with_layout(tensor.but(shape=Known(tuple(Size(me, dim) for dim in range(rank)), tensor.source)))


def with_layout(tensor: Tensor) -> Tensor:
    """The tensor with the layout that follows from its being contiguous."""
    if tensor.shape is None or tensor.layout is not None or tensor.contiguous is None or not tensor.contiguous.value:
        return tensor
    return tensor.but(layout=Known(in_order(tensor.shape.value), tensor.contiguous.because))


# -- layouts ----------------------------------------------------------------------------------------------------------


def in_order(shape: Shape) -> Layout:
    """The layout of a contiguous tensor."""
    return _ranked([None if dim == 1 else Axis(place) for place, dim in enumerate(shape)])


def is_contiguous(layout: Layout, shape: Shape | None = None) -> bool | None:
    """Whether a tensor of this layout is contiguous."""
    if shape is not None and 0 in shape:
        return True
    places = [axis.place for axis in layout if axis.place is not None]
    if any(axis.repeated for axis in layout) or places != sorted(places):
        return False
    filled = [axis.filled for axis in layout if axis.place is not None]
    return False if False in filled else None if None in filled else True


def dense(layout: Layout) -> Layout | None:
    """The layout of a new tensor in the order of this one: what element-wise functions give. None where repeated."""
    if any(axis.repeated for axis in layout):
        return None
    return tuple(replace(axis, filled=True) for axis in layout)


def _ranked(axes: Sequence[Axis | None]) -> Layout:
    """Axes with their places made 0..n-1 again; None stands for a dimension of size one."""
    order = sorted(axis.place for axis in axes if axis is not None and axis.place is not None)
    rank = {place: number for number, place in enumerate(order)}
    return tuple(
        Axis(None) if axis is None else axis if axis.place is None else replace(axis, place=rank[axis.place])
        for axis in axes
    )


def _outer(layout: Sequence[Axis], place: int) -> int | None:
    """The index of the axis whose steps skip what the axis of this place spans."""
    return next((i for i, axis in enumerate(layout) if axis.place == place - 1), None)


def _loosened(layout: Layout, dim: int, filled: bool | None) -> Layout:
    """The layout after a dimension has become shorter: the steps of the next outer one skip more than it."""
    place = layout[dim].place
    outer = _outer(layout, place) if place else None
    if outer is None:
        return layout
    return _changed(layout, outer, _both(layout[outer].filled, filled))


def _both(a: bool | None, b: bool | None) -> bool | None:
    """Two steps in a row are filled when both are; when one is not, then the whole is not, unless both are off."""
    if a is True:
        return b
    if b is True:
        return a
    return None


def _changed(layout: Layout, dim: int, filled: bool | None) -> Layout:
    return (*layout[:dim], replace(layout[dim], filled=filled), *layout[dim + 1 :])


def _placed(tensor: Tensor, shape: Shape | None, layout: Layout | None, node: cst.CSTNode) -> Tensor:
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
        return _placed(tensor, shape, in_order(shape), node)
    return tensor.but(shape=None, layout=None, contiguous=Known(True, node))


def scattered(tensor: Tensor, shape: Shape | None, node: cst.CSTNode) -> Tensor:
    """The tensor with this shape, and nothing known of its place in memory."""
    return _placed(tensor, shape, None, node)


# -- views that keep the sizes -----------------------------------------------------------------------------------------


def permuted(tensor: Tensor, order: Sequence[int], node: cst.CSTNode) -> Tensor | None:
    """Dimensions in another order (`permute`); None where torch refuses."""
    tensor = refine_rank(tensor, len(order))
    rank = tensor.rank
    places = [_dim(dim, len(order)) for dim in order]
    if rank != len(order) or None in places or len(set(places)) != len(order):
        return None
    return _reordered(tensor, [place for place in places if place is not None], node)


def _reordered(tensor: Tensor, order: Sequence[int], node: cst.CSTNode) -> Tensor:
    if list(order) == list(range(len(order))):
        return tensor
    shape = tuple(tensor.shape.value[dim] for dim in order) if tensor.shape is not None else None
    layout = tuple(tensor.layout.value[dim] for dim in order) if tensor.layout is not None else None
    moved = _placed(tensor, shape, layout, node)
    if moved.contiguous is not None and tensor.contiguous is not None and moved.contiguous.value == tensor.contiguous.value:
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
    a, b = _dim(first, max(rank, 1)), _dim(second, max(rank, 1))
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
    a, b = [_dim(dim, rank) for dim in sources], [_dim(dim, rank) for dim in targets]
    if None in a or None in b or len(set(a)) != len(a) or len(set(b)) != len(b):
        return None
    order: list[int | None] = [None] * rank
    for source, target in zip(a, b):
        assert target is not None
        order[target] = source
    rest = iter(dim for dim in range(rank) if dim not in a)
    return _reordered(tensor, [next(rest) if dim is None else dim for dim in order], node)


# -- views that drop, add and shorten dimensions -----------------------------------------------------------------------


def selected(tensor: Tensor, dim: int, at: Dim, node: cst.CSTNode) -> Tensor | None:
    """One entry of a dimension, which goes away; None where torch refuses."""
    if tensor.rank is None:
        was = tensor.contiguous
        return tensor.but(shape=None, layout=None, contiguous=was if was is not None and was.value and dim == 0 else None)
    place = _dim(dim, tensor.rank)
    if place is None:
        return None
    length = tensor.shape.value[place] if tensor.shape is not None else None
    if isinstance(at, int) and isinstance(length, int) and not -length <= at < length:
        return None
    shape = _without(tensor.shape.value, place) if tensor.shape is not None else None
    layout = None
    if tensor.layout is not None:
        several = isinstance(length, int) or (isinstance(at, int) and at not in (0, -1))
        layout = _dropped(tensor.layout.value, place, several)
    return _placed(tensor, shape, layout, node)


def _dropped(layout: Layout, dim: int, several: bool) -> Layout:
    """The layout without a dimension of which one entry was taken, out of ``several`` or possibly of one."""
    gone = layout[dim]
    if gone.place is not None and gone.place > 0:
        outer = _outer(layout, gone.place)
        assert outer is not None
        was = layout[outer].filled
        gap = _both(was, gone.filled) is True
        layout = _changed(layout, outer, (False if several else None) if gap else None)
    return _ranked(_without(layout, dim))


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
    place = _dim(dim, tensor.rank)
    if place is None:
        return None
    shape = None
    if tensor.shape is not None:
        shape = (*tensor.shape.value[:place], length, *tensor.shape.value[place + 1 :])
    layout = _shortened(tensor.layout.value, place, length, shorter, step) if tensor.layout is not None else None
    return _placed(tensor, shape, layout, node)


def _shortened(layout: Layout, dim: int, length: Dim, shorter: bool | None, step: int | None) -> Layout | None:
    axis = layout[dim]
    if axis.place is None:
        return layout if length != 1 or not axis.repeated else (*layout[:dim], Axis(None), *layout[dim + 1 :])
    if length == 1:
        return _dropped(layout[:dim] + (axis,) + layout[dim + 1 :], dim, shorter is True)[:dim] + (Axis(None),) + _dropped(
            layout, dim, shorter is True
        )[dim:]
    if step != 1:  # steps of two may or may not end where the next outer step begins
        layout = _changed(layout, dim, False if step is not None and axis.filled is True else None)
        return _loosened(layout, dim, None)
    return _loosened(layout, dim, None if shorter is None else not shorter)


def unsqueezed(tensor: Tensor, dim: int, node: cst.CSTNode) -> Tensor | None:
    """A dimension of size one put in; None where torch refuses."""
    rank = tensor.rank
    if rank is None:
        return tensor.but(shape=None, layout=None)
    place = _dim(dim, rank + 1)
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
    places = [_dim(dim, max(rank, 1)) for dim in dims] if dims is not None else list(range(rank))
    if None in places:
        return None
    chosen = {place for place in places if place is not None and place < rank}
    if any(not isinstance(tensor.shape.value[place], int) for place in chosen):
        return tensor.but(shape=None, layout=None)
    kept = [place for place in range(rank) if place not in chosen or tensor.shape.value[place] != 1]
    shape = tuple(tensor.shape.value[place] for place in kept)
    layout = tuple(tensor.layout.value[place] for place in kept) if tensor.layout is not None else None
    return _same_memory(tensor, shape, layout, node)


def _same_memory(tensor: Tensor, shape: Shape | None, layout: Layout | None, node: cst.CSTNode) -> Tensor:
    """Another shape of the same elements in the same order: contiguous as before, and for the same reason."""
    return tensor.but(
        shape=Known(shape, node) if shape is not None else None,
        layout=Known(layout, tensor.layout.because) if layout is not None and tensor.layout is not None else None,
    )


def expanded(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """Dimensions of size one repeated without a copy; -1 keeps a size. None where torch refuses."""
    tensor = refine_rank(tensor, len(target)) if tensor.rank is None and -1 not in target[:1] and False else tensor
    if tensor.shape is None:
        return _placed(tensor, tuple(None if dim == -1 else dim for dim in target), None, node)
    old = tensor.shape.value
    more = len(target) - len(old)
    if more < 0 or -1 in target[:more]:
        return None
    shape: list[Dim] = list(target[:more])
    axes: list[Axis] | None = [Axis(None, repeated=dim != 1) for dim in target[:more]]
    for place, (was, now) in enumerate(zip(old, target[more:])):
        axis = tensor.layout.value[place] if tensor.layout is not None else None
        grown = _grown(was, now)
        shape.append(was if now == -1 or grown is False else now if was == 1 or isinstance(now, int) else None)
        if axis is None or grown is None or axes is None:
            axes = None
        else:
            axes.append(Axis(None, repeated=True) if grown else axis)
        if isinstance(was, int) and isinstance(now, int) and was != 1 and now not in (-1, was):
            return None
    return _placed(tensor, tuple(shape), tuple(axes) if axes is not None else None, node)


def _grown(was: Dim, now: Dim) -> bool | None:
    """Whether expanding a dimension of this size to that one repeats it."""
    if now == -1 or s.same(was, now):
        return False
    if was == 1:
        return True
    return False if isinstance(was, int) else None


# -- views that split and merge ----------------------------------------------------------------------------------------


def viewed(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """The same elements seen with other sizes (`view`); None where torch surely refuses."""
    if view_fails(tensor, tuple(target)) is not None:
        return None
    shape = resolved(numel(tensor), target)
    if shape is None:
        return None
    layout = _split(tensor.shape.value, tensor.layout.value, shape) if tensor.shape is not None and tensor.layout is not None else None
    if layout is None and tensor.contiguous is not None and tensor.contiguous.value:
        layout = in_order(shape)
    because = tensor.layout.because if tensor.layout is not None else node
    return tensor.but(
        shape=Known(shape, node), layout=Known(layout, because) if layout is not None else None
    )


def reshaped(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """`reshape`: a view where that is possible, else a contiguous copy. None where torch refuses."""
    shape = resolved(numel(tensor), target)
    if shape is None:
        return None
    if tensor.contiguous is not None and tensor.contiguous.value:
        return viewed(tensor, target, node)
    if view_fails(tensor, tuple(target)) is not None:
        return contiguous(tensor, shape, node)
    layout = _split(tensor.shape.value, tensor.layout.value, shape) if tensor.shape is not None and tensor.layout is not None else None
    if layout is None:
        return scattered(tensor, shape, node)
    return _placed(tensor, shape, layout, node)


def resolved(elements: Dim, target: Sequence[Dim]) -> Shape | None:
    """The sizes a view gets: -1 worked out where it can be; None where they cannot hold so many elements."""
    unknown = [place for place, dim in enumerate(target) if dim == -1]
    if len(unknown) > 1 or any(isinstance(dim, int) and dim < -1 for dim in target):
        return None
    rest = s.product(dim for dim in target if dim != -1)
    if not unknown:
        if isinstance(elements, int) and isinstance(rest, int) and rest != elements:
            return None
        return tuple(target)
    if isinstance(elements, int) and isinstance(rest, int):
        if rest == 0 or elements % rest:
            return None
        missing: Dim = elements // rest
    else:
        missing = s.divided(s.whole(elements), s.whole(rest))
    return (*target[: unknown[0]], missing, *target[unknown[0] + 1 :])


def _split(old: Shape, layout: Layout, new: Shape) -> Layout | None:
    """The layout after a legal view, where the old and the new dimensions can be matched in blocks."""
    axes: list[Axis] = []
    i = k = 0
    place = 0
    order: list[tuple[int | None, list[Axis]]] = []
    while i < len(old) or k < len(new):
        if i < len(old) and old[i] == 1:
            i += 1
            continue
        if k < len(new) and new[k] == 1:
            order.append((None, [Axis(None)]))
            k += 1
            continue
        block = _block(old, new, i, k)
        if block is None:
            return None
        end, stop = block
        merged = _merged(layout[i:end])
        if merged is None:
            return None
        order.append((merged.place, _parts(merged, new[k:stop])))
        i, k = end, stop
    del place
    shift = {outer: 0 for outer, _ in order if outer is not None}
    position = 0
    for outer in sorted(shift):
        shift[outer] = position
        position += next(sum(a.place is not None for a in parts) for o, parts in order if o == outer)
    for outer, parts in order:
        axes.extend(p if p.place is None or outer is None else replace(p, place=shift[outer] + p.place) for p in parts)
    return tuple(axes)


def _block(old: Shape, new: Shape, i: int, k: int) -> tuple[int, int] | None:
    """The ends of the shortest runs of dimensions from i and from k that hold equally many elements."""
    for end in range(i + 1, len(old) + 1):
        for stop in range(k + 1, len(new) + 1):
            if s.same(s.whole(s.product(old[i:end])), s.whole(s.product(new[k:stop]))):
                return end, stop
    return None


def _merged(axes: Layout) -> Axis | None:
    """One axis that spans all of these; None where they cannot be merged or it is not known."""
    placed = [axis for axis in axes if axis.place is not None or axis.repeated]
    for outer, inner in zip(placed, placed[1:]):
        if linked(outer, inner) is not True:
            return None
    if placed[0].repeated:
        return Axis(None, repeated=True)
    return replace(placed[-1], place=placed[0].place)


def _parts(axis: Axis, shape: Shape) -> list[Axis]:
    """The axes that one axis is split into; places count from 0."""
    if axis.repeated:
        return [Axis(None, repeated=dim != 1) for dim in shape]
    parts = list(in_order(shape))
    last = max((place for place in range(len(parts)) if parts[place].place is not None), default=None)
    if last is not None:
        parts[last] = replace(parts[last], filled=axis.filled)
    return parts


def linked(outer: Axis, inner: Axis) -> bool | None:
    """Whether one step along ``outer`` skips exactly what ``inner`` spans, so that a view can merge the two."""
    if outer.repeated or inner.repeated:
        return outer.repeated and inner.repeated
    if outer.place is None or inner.place is None:
        return None
    if inner.place != outer.place + 1:
        return False if inner.place < outer.place or outer.filled is not None else None
    return outer.filled


def view_fails(tensor: Tensor, target: tuple[Dim, ...]) -> str | None:
    """Why torch surely refuses to view the tensor with these sizes, in words; None where it may be legal."""
    if tensor.layout is None or any(isinstance(dim, int) and dim == 0 for dim in target):
        return None
    layout = tensor.layout.value
    old: Shape = tensor.shape.value if tensor.shape is not None else (None,) * len(layout)
    if 0 in old:
        return None
    kept = [i for i in range(len(old)) if old[i] != 1]
    breaks = [(a, b) for a, b in zip(kept, kept[1:]) if linked(layout[a], layout[b]) is False]
    shape = resolved(numel(tensor), target)
    if not breaks or shape is None:
        return None
    new = [dim for dim in shape if dim != 1]
    before = [s.whole(s.product(new[:k])) for k in range(len(new) + 1)]
    after = [s.whole(s.product(new[k:])) for k in range(len(new) + 1)]
    k = 0
    for a, b in breaks:
        outer, inner = s.whole(s.product(old[:b])), s.whole(s.product(old[b:]))
        k = next((n for n in range(k + 1, len(new)) if not s.differ(before[n], outer) and not s.differ(after[n], inner)), -1)
        if k == -1:
            return f"merges dims {a} and {b}, which {_deed(tensor.layout.because)} {_did(layout[a], layout[b])}"
    return None


def _did(outer: Axis, inner: Axis) -> str:
    if outer.repeated or inner.repeated:
        return "repeated without a copy"
    if outer.place is not None and inner.place == outer.place + 1:
        return "cut out of larger ones"
    return "moved apart"


def _deed(node: cst.CSTNode) -> str:
    """What made a layout, as short text: "`transpose(1, 2)`"."""
    if isinstance(node, cst.Call):
        called = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        code = cst.Module([]).code_for_node(node.with_changes(func=called, lpar=(), rpar=()))
    else:
        code = cst.Module([]).code_for_node(node)
    code = " ".join(code.split())
    return f"`{code}`" if len(code) <= 60 else f"`{code[:57]}...`"


def _dim(dim: int, rank: int) -> int | None:
    """A dimension counted from the front; None where there is none such."""
    return dim % rank if rank and -rank <= dim < rank else None


def _without(items: tuple, place: int) -> tuple:  # type: ignore[type-arg]
    return items[:place] + items[place + 1 :]


Rule = Callable[..., Tensor | None]
