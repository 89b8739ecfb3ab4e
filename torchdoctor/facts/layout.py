"""What the checks of memory layout share: the words that move dimensions, and the sizes that a call asks for."""

from __future__ import annotations

from itertools import pairwise

import libcst as cst

from torchdoctor.facts import sizes
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.literals import literal
from torchdoctor.facts.tensor import identity
from torchdoctor.facts.torch_api import as_tensor
from torchdoctor.facts.values import Arithmetic, Const, Dim, Made, Sequence, Size, Tensor, Value

# Whatever gives a tensor another order in memory than its dimensions have.
MOVERS = frozenset({
    "transpose", "permute", "t", "T", "mT", "H", "mH", "swapaxes", "swapdims", "movedim", "moveaxis", "expand",
    "expand_as", "broadcast_to", "narrow", "chunk", "split", "unbind", "select", "unfold", "diagonal", "as_strided",
    "transpose_", "t_", "tensor_split", "hsplit",
})  # fmt: skip
_LONG = 50


def may_swap(file: File, call: cst.Call) -> bool:
    """Whether a call's sizes might be those of a tensor in another order, by a look at the function's text alone.

    They may be when two of them stand the other way round than `b, t = x.shape`, `t = x.size(1)` and their kind give
    them; sizes that are all numbers may be anything.
    """
    args = _sizes(call)
    if len(args) > 1 and all(isinstance(arg, (cst.Integer, cst.UnaryOperation)) for arg in args):
        return True
    function = file.function(call) or file.module
    places = [_place_of(file, function, arg) for arg in args]
    own = [place for place in places if place is not None]
    return own != sorted(own) or (len(own) == len(args) > 1 and _is_moved(call.func))


def may_part(file: File, call: cst.Call) -> bool:
    """Whether another size stands between those of two neighbours: `view(b, heads, t, d)`, with `b, t, _ = x.shape`."""
    function = file.function(call) or file.module
    places = [_place_of(file, function, arg) for arg in _sizes(call)]
    known = [(at, place) for at, place in enumerate(places) if place is not None]
    return any(later == place + 1 and after > at + 1 for (at, place), (after, later) in pairwise(known))


def _sizes(call: cst.Call) -> list[cst.BaseExpression]:
    args = [arg.value for arg in call.args]
    if len(args) <= 2 and args and isinstance(args[-1], (cst.Tuple, cst.List)):
        args = [element.value for element in args[-1].elements]
    return args


def _place_of(file: File, function: cst.CSTNode, size: cst.BaseExpression) -> int | None:
    """Which dimension of some tensor a size is: that of `x.size(1)`, or of a name unpacked from a shape."""
    if isinstance(size, cst.Name):
        bindings = file.scopes.inner(function).bindings.get(size.value, ())
        for binding in bindings:
            target = binding.node.target if isinstance(binding.node, cst.AssignTarget) else None
            if isinstance(target, cst.Tuple):
                return next((i for i, e in enumerate(target.elements) if _is_name(e.value, size.value)), None)
            if binding.value is not None and not isinstance(binding.value, cst.Name):
                return _place_of(file, function, binding.value)
        return None
    if isinstance(size, cst.Call) and isinstance(size.func, cst.Attribute) and size.func.attr.value == "size":
        place = literal(size.args[0].value) if size.args else None
        return place if isinstance(place, int) else None
    if isinstance(size, cst.Subscript) and isinstance(size.value, cst.Attribute) and size.value.attr.value == "shape":
        index = size.slice[0].slice
        place = literal(index.value) if isinstance(index, cst.Index) else None
        return place if isinstance(place, int) else None
    return None


def _is_moved(method: cst.BaseExpression) -> bool:
    """`x.transpose(1, 2).reshape`: what was moved a moment before has its sizes in another order."""
    receiver = method.value if isinstance(method, cst.Attribute) else method
    return (
        isinstance(receiver, cst.Call)
        and isinstance(receiver.func, cst.Attribute)
        and receiver.func.attr.value in ("transpose", "permute", "swapaxes", "movedim")
    )


def _is_name(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def asked_sizes(call: cst.Call, flow: Flow, skip: int = 0) -> tuple[Dim, ...] | None:
    """The sizes of `x.view(a, b)`, `x.view((a, b))` or, with one argument skipped, `torch.reshape(x, (a, b))`.

    None where not all arguments are seen.
    """
    args = call.args[skip:]
    if any(arg.star for arg in args):
        return None
    values: tuple[Value, ...] = tuple(flow.value(arg.value) for arg in args)
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = values[0].items
    elif len(values) == 1 and isinstance(values[0], Made) and values[0].name == "builtins.list":
        values = values[0].args
    elif any(arg.keyword is not None for arg in args):
        return None
    elif len(values) == 1 and not isinstance(values[0], (Const, Size, Arithmetic)):
        return None  # perhaps a tuple
    return tuple(sizes.dim(value) for value in values)


def swapped_order(file: File, call: cst.Call, flow: Flow) -> tuple[int, ...] | None:
    """The order of the tensor's dimensions whose sizes the call asks for; None where it is the order there was."""
    if call not in flow.values or not isinstance(call.func, cst.Attribute):
        return None
    function = file.name(call.func) == "torch.reshape"
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


def short(file: File, node: cst.CSTNode) -> str:
    """The source of an expression on one line, cut where it is long."""
    code = " ".join(file.code(node).split())
    return code if len(code) <= _LONG else f"{code[: _LONG - 3]}..."
