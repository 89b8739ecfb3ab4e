"""Finds `view` and `reshape` whose sizes are those of the tensor in another order: the data is cut anew, not moved."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.layout import asked_sizes, short
from torchdoctor.facts.tensor import identity
from torchdoctor.facts.torch_api import as_tensor
from torchdoctor.facts.values import Dim, Size, Tensor

_FUNCTION = "torch.reshape"


@on_file(words=("view", "reshape"))
def check(file: File, _: File) -> Iterator[Found]:
    methods = [call for method in ("view", "reshape") for call in file.calls_by_method.get(method, ())]
    calls = list(dict.fromkeys([*methods, *file.calls(_FUNCTION)]))
    flows = file.flows.touching(frozenset(("view", "reshape"))) if calls else []
    found = {
        call: order
        for call in calls
        if (order := next((order for flow in flows if (order := _swapped(file, call, flow)) is not None), None))
    }
    for call, order in found.items():
        if not any(_undoes(file, call, other, order, back) for other, back in found.items()):
            yield _found(file, call, order)


def _undoes(file: File, call: cst.Call, other: cst.Call, order: tuple[int, ...], back: tuple[int, ...]) -> bool:
    """Whether the same function does the inverse too: the relative shift of attention, which cuts anew on purpose."""
    if other is call or file.function(other) is not file.function(call) or len(order) != len(back):
        return False
    return all(back[place] == at for at, place in enumerate(order))


def _swapped(file: File, call: cst.Call, flow: Flow) -> tuple[int, ...] | None:
    """The order of the tensor's dimensions whose sizes the call asks for; None where it is the order there was."""
    if call not in flow.values or not isinstance(call.func, cst.Attribute):
        return None
    function = file.name(call.func) == _FUNCTION
    tensor = as_tensor(flow.value(call.args[0].value if function and call.args else call.func.value))
    sizes = asked_sizes(call, flow, skip=int(function))
    if tensor is None or sizes is None:
        return None
    if tensor.shape is None:
        return _inverted(tensor, sizes)
    return _order(tensor.shape.value, sizes)


def _inverted(tensor: Tensor, sizes: tuple[Dim, ...]) -> tuple[int, ...] | None:
    """The same where the rank is not known, from `x.size(1)` standing before `x.size(0)`; one -1 is what is left."""
    of = identity(tensor)
    asked = [size.dim if isinstance(size, Size) and size.of == of else -1 for size in sizes]
    own = [dim for dim in asked if dim >= 0]
    if own == sorted(own) or len(set(own)) < len(own) or len(own) < len(sizes) - 1:
        return None
    left = [dim for dim in range(len(sizes)) if dim not in own]
    order = tuple(left[0] if dim == -1 and left else dim for dim in asked)
    return order if sorted(order) == list(range(len(sizes))) else None


def _order(old: tuple[Dim, ...], new: tuple[Dim, ...]) -> tuple[int, ...] | None:
    """Which old dimension each new size is that of, where this is sure and not the order there was."""
    if len(old) != len(new) or None in old or len(set(old)) < 2:
        return None
    left = list(range(len(old)))
    order = []
    for size in new:
        place = next((at for at in left if old[at] == size), None) if size != -1 else -1
        if place is None:
            return None
        order.append(place)
        if place != -1:
            left.remove(place)
    order = [left[0] if place == -1 else place for place in order]
    big = [at for at in order if old[at] != 1]
    moved = [old[at] for at in big] != [old[at] for at in sorted(big)]
    return tuple(order) if moved else None


def _found(file: File, call: cst.Call, order: tuple[int, ...]) -> Found:
    swaps: tuple[Swap, ...] = ()
    if isinstance(call.func, cst.Attribute) and file.name(call.func) != _FUNCTION:
        swaps = (Swap(call, f"{file.code(call.func.value)}.permute({', '.join(map(str, order))})"),)
    dims = ", ".join(map(str, order))
    return Found(
        call,
        f"`{short(file, call)}` asks for the sizes of dims ({dims}) but leaves the data in its old order",
        swaps=swaps,
    )
