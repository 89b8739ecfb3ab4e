"""How a tensor's dimensions lie in memory, and what taking parts of them does to that.

A layout tells of the dimensions that have more than one element; those of one element lie anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from torchdoctor.facts.axis import Axis
from torchdoctor.facts.values import Dim

Shape = tuple[Dim, ...]
Layout = tuple[Axis, ...]
T = TypeVar("T")


def in_order(shape: Shape) -> Layout:
    """The layout of a contiguous tensor."""
    return _in_order(tuple(dim == 1 for dim in shape))


@lru_cache(maxsize=256)
def _in_order(ones: tuple[bool, ...]) -> Layout:
    return _ranked([None if one else Axis(place) for place, one in enumerate(ones)])


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
    return tuple(axis.being_filled(True) for axis in layout)


def _ranked(axes: Sequence[Axis | None]) -> Layout:
    """Axes with their places made 0..n-1 again; None stands for a dimension of size one."""
    order = sorted(axis.place for axis in axes if axis is not None and axis.place is not None)
    rank = {place: number for number, place in enumerate(order)}
    return tuple(
        Axis(None) if axis is None else axis if axis.place is None else axis.at(rank[axis.place]) for axis in axes
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
    return (*layout[:dim], layout[dim].being_filled(filled), *layout[dim + 1 :])


def dropped(layout: Layout, dim: int, several: bool | None) -> Layout:
    """The layout without a dimension that one entry was taken of; ``several``: not the only one (None: perhaps)."""
    gone = layout[dim]
    outer = _outer(layout, gone.place) if gone.place else None
    if outer is not None:
        through = _both(layout[outer].filled, gone.filled)
        gap = None if several is None or through is not True else False
        layout = _changed(layout, outer, through if several is False else gap)
    return _ranked(without(layout, dim))


def shortened(layout: Layout, dim: int, length: Dim, shorter: bool | None, step: int | None) -> Layout:
    if length == 1:
        rest = dropped(layout, dim, True if shorter else None)
        return (*rest[:dim], Axis(None), *rest[dim:])
    if layout[dim].place is None:
        return layout
    if step != 1:  # steps of two may or may not end where the next outer step begins
        layout = _changed(layout, dim, False if step is not None and layout[dim].filled is True else None)
        return _loosened(layout, dim, None)
    return _loosened(layout, dim, None if shorter is None else not shorter)


def dim_of(dim: int, rank: int) -> int | None:
    """A dimension counted from the front; None where there is none such."""
    return dim % rank if rank and -rank <= dim < rank else None


def without(items: tuple[T, ...], place: int) -> tuple[T, ...]:
    return items[:place] + items[place + 1 :]
