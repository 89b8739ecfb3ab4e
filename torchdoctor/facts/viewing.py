"""Views that split and merge dimensions: the sizes and the layout they give, and which of them torch refuses.

Torch can view a tensor with new sizes when each run of dimensions that the view merges lies in memory as one. Here the
same is decided with sizes that are symbols: old and new dimensions are matched in blocks of equally many elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Layout, Shape, dim_of, in_order
from torchdoctor.facts.axis import Axis
from torchdoctor.facts.tensor import contiguous, numel, scattered, size
from torchdoctor.facts.values import Dim, Known, Tensor

Block = tuple[Axis | None, Shape]  # the axis that some old dimensions merge to (None: of size one), and the new sizes


def viewed(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """The same elements seen with other sizes (`view`); None where torch refuses the sizes."""
    shape = resolved(numel(tensor), target)
    if shape is None:
        return None
    if 0 in shape:
        return contiguous(tensor, shape, node)
    if view_fails(tensor, tuple(target)) is not None:
        return scattered(tensor, shape, node)
    layout = _viewed_layout(tensor, shape)
    because = tensor.layout.because if tensor.layout is not None else node
    return tensor.but(shape=Known(shape, node), layout=Known(layout, because) if layout is not None else None)


def reshaped(tensor: Tensor, target: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """`reshape`: a view where that is possible, else a contiguous copy. None where torch refuses the sizes."""
    if view_fails(tensor, tuple(target)) is not None:
        shape = resolved(numel(tensor), target)
        return contiguous(tensor, shape, node) if shape is not None else None
    seen = viewed(tensor, target, node)
    if seen is None or seen.layout is not None or (seen.contiguous is not None and seen.contiguous.value):
        return seen
    return seen.but(contiguous=None)  # a view of what is not contiguous, or a copy


def flattened(tensor: Tensor, start: int, end: int, node: cst.CSTNode) -> Tensor | None:
    """Dimensions from start to end (inclusive) merged to one, by a copy where need be; None where torch refuses."""
    rank = tensor.rank
    if rank is None:
        kept = tensor.contiguous if tensor.contiguous is not None and tensor.contiguous.value else None
        vector = Known((None,), node) if (start, end) == (0, -1) else None
        return tensor.but(shape=vector, layout=None, contiguous=kept)
    first, last = dim_of(start, max(rank, 1)), dim_of(end, max(rank, 1))
    if first is None or last is None or first > last:
        return None
    if first == last and rank:
        return tensor
    sizes = [size(tensor, dim) for dim in range(rank)]
    return reshaped(tensor, [*sizes[:first], s.product(sizes[first : last + 1]), *sizes[last + 1 :]], node)


def unflattened(tensor: Tensor, dim: int, into: Sequence[Dim], node: cst.CSTNode) -> Tensor | None:
    """One dimension split into several; None where torch refuses."""
    if tensor.rank is None:
        return tensor.but(shape=None, layout=None)
    place = dim_of(dim, tensor.rank)
    if place is None:
        return None
    sizes = [size(tensor, each) for each in range(tensor.rank)]
    parts = resolved(sizes[place], into)
    return None if parts is None else viewed(tensor, [*sizes[:place], *parts, *sizes[place + 1 :]], node)


def resolved(elements: Dim, target: Sequence[Dim]) -> Shape | None:
    """The sizes a view gets, with -1 worked out where it can be; None where they cannot hold so many elements."""
    missing = [place for place, dim in enumerate(target) if dim == -1]
    if len(missing) > 1 or any(isinstance(dim, int) and dim < -1 for dim in target):
        return None
    rest = s.product(dim for dim in target if dim != -1)
    if not missing:
        return None if s.same(elements, rest) is False else tuple(target)
    if isinstance(elements, int) and isinstance(rest, int) and (rest == 0 or elements % rest):
        return None
    found = s.quotient(elements, rest)
    return (*target[: missing[0]], found, *target[missing[0] + 1 :])


def linked(outer: Axis, inner: Axis) -> bool | None:
    """Whether one step along ``outer`` skips exactly what ``inner`` spans, so that a view can merge the two."""
    if outer.repeated or inner.repeated:
        return outer.repeated and inner.repeated
    if outer.place is None or inner.place is None:
        return None
    return outer.filled if inner.place == outer.place + 1 else False


def view_fails(tensor: Tensor, target: tuple[Dim, ...]) -> str | None:
    """Why torch surely refuses to view the tensor with these sizes, in words; None where it may be legal.

    Each pair of neighbours that cannot be merged must find a place between two of the new dimensions, with equally many
    elements before it and behind it as there are before and behind the pair's own border.
    """
    if tensor.layout is None or 0 in target:
        return None
    layout = tensor.layout.value
    old: Shape = tensor.shape.value if tensor.shape is not None else (None,) * len(layout)
    several = [dim for dim in range(len(old)) if old[dim] != 1]
    borders = [pair for pair in pairwise(several) if linked(layout[pair[0]], layout[pair[1]]) is False]
    shape = resolved(numel(tensor), target) if borders else None
    if 0 in old or shape is None:
        return None
    new = [dim for dim in shape if dim != 1]
    places = [_places(old, inner, new) for _, inner in borders]
    crossed = next((border for border, found in zip(borders, places, strict=True) if not found), None)
    taken = 0
    for border, found in zip(borders, places, strict=True):
        taken = next((place for place in found if place > taken), len(new))
        if taken == len(new) and crossed is None:
            crossed = border
    if crossed is None:
        return None
    outer, inner = crossed
    return f"merges dims {outer} and {inner}, {_why(tensor.layout.because, layout[outer], layout[inner])}"


def _places(old: Shape, inner: int, new: list[Dim]) -> list[int]:
    """The places between new dimensions where the border before an old one may come to lie."""
    before, behind = s.whole(s.product(old[:inner])), s.whole(s.product(old[inner:]))
    return [
        place
        for place in range(1, len(new))
        if not s.differ(s.whole(s.product(new[:place])), before)
        and not s.differ(s.whole(s.product(new[place:])), behind)
    ]


def _viewed_layout(tensor: Tensor, shape: Shape) -> Layout | None:
    if tensor.contiguous is not None and tensor.contiguous.value:
        return in_order(shape)
    if tensor.shape is None or tensor.layout is None:
        return None
    blocks = _blocks(tensor.shape.value, tensor.layout.value, shape)
    return None if blocks is None else _laid_out(blocks)


def _blocks(old: Shape, layout: Layout, new: Shape) -> list[Block] | None:
    """Old and new dimensions in matching blocks; None where they cannot be matched or a block cannot be merged."""
    blocks: list[Block] = []
    i = k = 0
    while i < len(old) or k < len(new):
        if i < len(old) and old[i] == 1:
            i += 1
        elif k < len(new) and new[k] == 1:
            blocks.append((None, (1,)))
            k += 1
        else:
            ends = _shortest_block(old, new, i, k)
            axis = _merged(layout[i : ends[0]]) if ends is not None else None
            if ends is None or axis is None:
                return None
            blocks.append((axis, new[k : ends[1]]))
            i, k = ends
    return blocks


def _shortest_block(old: Shape, new: Shape, i: int, k: int) -> tuple[int, int] | None:
    """The ends of the shortest runs of dimensions from i and from k that surely hold equally many elements."""
    for end in range(i + 1, len(old) + 1):
        elements = s.whole(s.product(old[i:end]))
        for stop in range(k + 1, len(new) + 1):
            if s.same(elements, s.whole(s.product(new[k:stop]))):
                return end, stop
    return None


def _merged(axes: Layout) -> Axis | None:
    """One axis that spans all of these; None where they cannot be merged or it is not known."""
    placed = [axis for axis in axes if axis.place is not None or axis.repeated]
    if not placed or any(linked(outer, inner) is not True for outer, inner in pairwise(placed)):
        return None
    return placed[-1].at(placed[0].place)


def _laid_out(blocks: list[Block]) -> Layout:
    """The layout of the new dimensions: each block's own in order, the blocks in the order of what they split."""
    inside = [_parts(axis, sizes) for axis, sizes in blocks]
    start: dict[int, int] = {}
    taken = 0
    order = sorted(
        (axis.place, at) for at, (axis, _) in enumerate(blocks) if axis is not None and axis.place is not None
    )
    for place, at in order:
        start[place] = taken
        taken += sum(part.place is not None for part in inside[at])
    axes: list[Axis] = []
    for (split, _), parts in zip(blocks, inside, strict=True):
        shift = start[split.place] if split is not None and split.place is not None else 0
        axes.extend(part if part.place is None else part.at(part.place + shift) for part in parts)
    return tuple(axes)


def _parts(axis: Axis | None, sizes: Shape) -> Layout:
    """The axes that one axis is split into; their places count from 0."""
    if axis is None:
        return tuple(Axis(None) for _ in sizes)
    if axis.repeated:
        return tuple(Axis(None, repeated=dim != 1) for dim in sizes)
    parts: list[Axis] = list(in_order(sizes))
    innermost = max((at for at, part in enumerate(parts) if part.place is not None), default=None)
    if innermost is not None:
        parts[innermost] = parts[innermost].being_filled(axis.filled)
    return tuple(parts)


def _why(node: cst.CSTNode, outer: Axis, inner: Axis) -> str:
    if outer.repeated or inner.repeated:
        did = "repeated without a copy"
    elif outer.place is not None and inner.place == outer.place + 1:
        did = "cut out of larger ones"
    else:
        did = "moved apart"
    return f"which {_deed(node)} {did}"


def _deed(node: cst.CSTNode) -> str:
    """What made a layout, as short code: `transpose(1, 2)`."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        node = node.with_changes(func=node.func.attr, lpar=(), rpar=())
    code = " ".join(cst.Module([]).code_for_node(node).split())
    return f"`{code}`" if len(code) <= 60 else f"`{code[:57]}...`"
