"""Finds `view` and `reshape` that ask for the sizes of dimensions, or of the parts of one, where they do not lie."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.checks.layout._relative_shift import is_relative_shift
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import may_part, may_swap, short, swapped_order
from torchdoctor.facts.parting import parted_order

_FUNCTION = "torch.reshape"


@on_file(words=("view", "reshape"))
def check(file: File, _: File) -> Iterator[Found]:
    methods = [call for method in ("view", "reshape") for call in file.calls_by_method.get(method, ())]
    found: dict[cst.Call, tuple[int, ...]] = {}
    for call in dict.fromkeys([*methods, *file.calls(_FUNCTION)]):
        swap, part = may_swap(file, call), may_part(file, call)
        flows = file.flows.of(file.function(call) or file.module) if swap or part else []
        order = next((order for flow in flows if swap and (order := swapped_order(file, call, flow)) is not None), None)
        parts = next((parts for flow in flows if part and (parts := parted_order(file, call, flow)) is not None), None)
        if order is not None:
            found[call] = order
        elif parts is not None:
            yield _parted(file, call, parts)
    for call, order in found.items():
        if not is_relative_shift(file, call, found):
            yield _found(file, call, order)


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


def _parted(file: File, call: cst.Call, order: tuple[int, ...]) -> Found:
    """`x.view(b, t, h, d).transpose(1, 2)`: cut the dimension where it lies, then move its parts."""
    assert isinstance(call.func, cst.Attribute)
    sizes = [file.code(arg.value) for arg in call.args]
    moved = [at for at, place in enumerate(order) if at != place]
    back = ", ".join(str(order.index(at)) for at in range(len(order)))
    move = f"transpose({moved[0]}, {moved[1]})" if len(moved) == 2 else f"permute({back})"
    text = f"{file.code(call.func)}({', '.join(sizes[at] for at in order)}).{move}"
    return Found(
        call,
        f"`{short(file, call)}` puts the parts of a dimension where they do not lie: it mixes it with another",
        swaps=(Swap(call, text),),
    )
