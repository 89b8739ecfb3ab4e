"""Views that cut one dimension in parts and ask for the parts in a place where they do not come to lie."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts import sizes
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.layout import asked_sizes
from torchdoctor.facts.torch_api import as_tensor
from torchdoctor.facts.values import Dim


def parted_order(file: File, call: cst.Call, flow: Flow) -> tuple[int, ...] | None:
    """For `x.view(b, h, t, d)` of an x of (b, t, h * d): the order (0, 2, 1, 3) in which its sizes can be viewed.

    None where the parts stand where the dimension was, and where it is not sure which dimension is cut.
    """
    if call not in flow.values or not isinstance(call.func, cst.Attribute):
        return None
    tensor, new = as_tensor(flow.value(call.func.value)), asked_sizes(call, flow)
    if tensor is None or tensor.shape is None or new is None or len(new) != len(call.args):
        return None
    return _order(tensor.shape.value, new)


def _order(old: tuple[Dim, ...], new: tuple[Dim, ...]) -> tuple[int, ...] | None:
    if len(new) <= len(old) or None in old or None in new or -1 in new or 1 in new:
        return None  # a part of size one lies anywhere
    left, places = list(range(len(old))), list[int]()
    for size in new:
        place = next((at for at in left if old[at] == size), -1)
        places.append(place)
        if place != -1:
            left.remove(place)
    kept = [place for place in places if place != -1]
    if len(left) != 1 or len(new) - len(kept) < 2 or kept != sorted(kept):
        return None
    cut = left[0]
    if sizes.same(sizes.product(size for size, at in zip(new, places, strict=True) if at == -1), old[cut]) is False:
        return None
    order = sorted(range(len(new)), key=lambda at: (places[at] if places[at] != -1 else cut, at))
    first, last = places.index(-1), len(places) - 1 - places[::-1].index(-1)
    between = {at for at in range(first, last) if places[at] != -1}
    passed = between | {at for at in range(len(new)) if _crosses(places, at, cut)}
    if order == sorted(order) or any(isinstance(new[at], int) for at in passed):
        return None  # equal numbers may be equal by chance
    return tuple(order)


def _crosses(places: list[int], at: int, cut: int) -> bool:
    """Whether a dimension stands on the wrong side of the first part."""
    return places[at] != -1 and (places[at] < cut) != (at < places.index(-1))
