"""The vocabulary of the table: how a result's shape, memory, gradient, dtype and scale follow from the arguments.

A rule takes the use of a row and gives a fact, or None where it is not known; it may raise NotKnown for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torchdoctor.facts import sizes as s
from torchdoctor.facts.tensor import Shape, contiguous, dense, dim_of, is_contiguous, placed, scattered
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.dtypes import dtype_of
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.values import Const, Dim, Known, Size, Tensor, Value

ShapeRule = Callable[[Use], Shape | None]
MemoryRule = Callable[[Use, Shape | None], Tensor]
GradRule = Callable[[Use], Known[str] | None]
NameRule = Callable[[Use], Known[str] | None]

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})
INTS = frozenset({"int", "uint8", "int8", "int16", "int32", "int64"})
DISCRETE = INTS | {"bool"}
# Arguments that are combined element by element.
_OPERANDS = frozenset({
    "condition", "input", "other", "end", "weight", "tensor1", "tensor2", "min", "max", "exponent", "target",
})  # fmt: skip


# -- shapes -----------------------------------------------------------------------------------------------------------


def same(use: Use) -> Shape | None:
    """The shape of the input."""
    return shape_of(use.tensor())


def shape_of(tensor: Tensor) -> Shape | None:
    return tensor.shape.value if tensor.shape is not None else None


def broadcast(use: Use) -> Shape | None:
    """The shape that the operands are broadcast to, numbers aside."""
    shapes = []
    for value in element_wise(use):
        tensor = as_tensor(value)
        if tensor is None:
            return None
        shapes.append(shape_of(tensor))
    return broadcast_shapes(shapes)


def element_wise(use: Use) -> list[Value]:
    """The arguments that are combined element by element, but for numbers; in the order in which torch sees them."""
    found = [
        (name != "condition", value)
        for name, value in use.given.items()
        if name in _OPERANDS and not isinstance(value, (Const, Size))
    ]
    return [value for _, value in sorted(found, key=lambda pair: pair[0])]


def broadcast_shapes(shapes: Iterable[Shape | None]) -> Shape | None:
    """The common shape; None where one is not known or they do not fit."""
    result: list[Dim] = []  # from the last dimension to the first
    for shape in shapes:
        if shape is None:
            return None
        for place, dim in enumerate(reversed(shape)):
            if place == len(result):
                result.append(dim)
                continue
            was = result[place]
            if s.same(was, dim) or dim == 1:
                continue
            if was == 1 or (isinstance(dim, int) and not isinstance(was, int)):
                result[place] = dim
            elif isinstance(was, int) and isinstance(dim, int):
                return None
            elif not isinstance(was, int):
                result[place] = None
    return tuple(reversed(result))


def scalar(use: Use) -> Shape | None:
    """No dimensions."""
    return ()


def reduced(use: Use) -> Shape | None:
    """The input's shape without the dimensions of ``dim``, or with these of size one under ``keepdim``."""
    dims = use.dims("dim")
    if (dims is None or dims == ()) and not use.flag("keepdim"):
        return ()
    shape = shape_of(use.tensor())
    if shape is None:
        return None
    return reduced_shape(shape, dims or tuple(range(len(shape))), use.flag("keepdim"))


def reduced_shape(shape: Shape, dims: Sequence[int], keepdim: bool) -> Shape | None:
    """A shape without some dimensions, or with these of size one."""
    places = [dim_of(dim, max(len(shape), 1)) for dim in dims]
    if None in places:
        return None
    if keepdim:
        return tuple(1 if place in places else dim for place, dim in enumerate(shape))
    return tuple(dim for place, dim in enumerate(shape) if place not in places)


def unknown_sizes(rank: int) -> ShapeRule:
    """So many dimensions of sizes that are not known."""
    return lambda use: (None,) * rank


def sizes(name: str = "size") -> ShapeRule:
    """The shape that is asked for."""

    def rule(use: Use) -> Shape | None:
        shape = use.sizes(name)
        return shape if all(not isinstance(dim, int) or dim >= 0 for dim in shape) else None

    return rule


# -- memory -----------------------------------------------------------------------------------------------------------


def fresh(use: Use, shape: Shape | None) -> Tensor:
    """A new contiguous tensor, whatever the inputs' layout."""
    return contiguous(Tensor(use.node), shape, use.node)


def unordered(use: Use, shape: Shape | None) -> Tensor:
    """Nothing is known."""
    return scattered(Tensor(use.node), shape, use.node)


def fresh_if_contiguous(use: Use, shape: Shape | None) -> Tensor:
    """Contiguous where every operand is; else it depends."""
    operands = list(use.operands())
    sure = operands and all(_is_contiguous(operand) for operand in operands)
    return (fresh if sure else unordered)(use, shape)


def fresh_if_input_contiguous(use: Use, shape: Shape | None) -> Tensor:
    """Contiguous where the input is; else it depends.

    A contiguous input whose strides are those of channels_last as well (one channel) may give channels_last.
    """
    return (fresh if _is_contiguous(use.tensor()) else unordered)(use, shape)


def kept(use: Use, shape: Shape | None) -> Tensor:
    """A new tensor whose dimensions lie in the order of the input's: what element-wise functions of one tensor give."""
    return kept_order(use, use.tensor(), shape)


def kept_order(use: Use, tensor: Tensor, shape: Shape | None) -> Tensor:
    """A new tensor in the order of this one."""
    if _is_contiguous(tensor):
        return contiguous(Tensor(use.node), shape, use.node).but(contiguous=tensor.contiguous)
    layout = dense(tensor.layout.value) if tensor.layout is not None else None
    if layout is None or tensor.layout is None:
        return scattered(Tensor(use.node), shape, use.node)
    return placed(Tensor(use.node), shape, layout, tensor.layout.because)


def kept_or_same(use: Use, shape: Shape | None) -> Tensor:
    """The input itself or a copy in the order of its dimensions, which of the two is not known."""
    tensor = use.tensor()
    copy = kept_order(use, tensor, shape)
    if tensor.layout is None or copy.layout is None or tensor.layout.value == copy.layout.value:
        return copy
    return placed(Tensor(use.node), shape, None, use.node)


def kept_by_all(use: Use, shape: Shape | None) -> Tensor:
    """What element-wise functions of several tensors give: the first operand leads where all dimensions are its own."""
    operands = [as_tensor(value) for value in element_wise(use)]
    tensors = [tensor for tensor in operands if tensor is not None and tensor.rank != 0]
    if None in operands:
        return unordered(use, shape)
    if all(_is_contiguous(tensor) for tensor in tensors):
        return fresh(use, shape)
    first = tensors[0]
    alone = len(tensors) == 1
    if alone or (first.shape is not None and shape is not None and _covers(first.shape.value, shape)):
        return kept_order(use, first, shape)
    return unordered(use, shape)


def _covers(shape: Shape, result: Shape) -> bool:
    """Whether no dimension of the result is broadcast from another operand."""
    return len(shape) == len(result) and all(s.same(a, b) and a != 1 for a, b in zip(shape, result, strict=True))


def _is_contiguous(tensor: Tensor) -> bool:
    if tensor.contiguous is not None:
        return tensor.contiguous.value
    return tensor.layout is not None and is_contiguous(tensor.layout.value) is True


# -- gradients --------------------------------------------------------------------------------------------------------


def through(use: Use) -> Known[str] | None:
    """In the graph where an operand is; data where all operands are."""
    return joined_grad(use, use.operands())


def joined_grad(use: Use, operands: Iterable[Tensor]) -> Known[str] | None:
    """The gradient state of what is computed from these.

    Integers and truth values carry no gradient; but what they were computed from may have been cut there.
    """
    found: list[Known[str] | None] = []
    lost: Known[str] | None = None
    for operand in operands:
        if operand.dtype is None or operand.dtype.value in FLOATS:
            found.append(operand.grad)
        elif operand.grad is not None and operand.grad.value == "cut":
            lost = lost or operand.grad
    if all(grad is not None and grad.value == "plain" for grad in found):
        return lost or (found[0] if found else Known("plain", use.node))
    off = use.arguments.grad
    if off is not None and not off.value:
        return Known("cut", off.because)
    for grad in found:
        if grad is not None and grad.value in ("attached", "leaf"):
            return Known("attached", grad.because)
    if any(grad is None for grad in found):
        return None
    return next((grad for grad in found if grad is not None and grad.value == "cut"), None)


def of_input(use: Use) -> Known[str] | None:
    """What is computed from the input alone, whatever else is given."""
    return joined_grad(use, [use.tensor()])


def of_same(use: Use) -> Known[str] | None:
    """What may be the input itself: with gradients off it asks for one where the input does, as a view does too."""
    grad = of_input(use)
    was = use.tensor().grad
    return grad if grad is None or grad.value != "cut" or (was is not None and was.value in ("cut", "plain")) else None


def cut(use: Use) -> Known[str] | None:
    """No gradient goes through: "plain" stays what it is."""
    states = [operand.grad for operand in use.operands()]
    if all(grad is not None and grad.value == "plain" for grad in states):
        return Known("plain", use.node)
    earlier = next((grad for grad in states if grad is not None and grad.value == "cut"), None)
    return earlier if earlier is not None and len(states) == 1 else Known("cut", use.node)


def created(use: Use) -> Known[str] | None:
    """A new tensor: a leaf where ``requires_grad`` says so."""
    return Known("leaf" if use.flag("requires_grad") else "plain", use.node)


def parametric(use: Use) -> Known[str] | None:
    """Computed with parameters: in the graph unless gradients are off."""
    off = use.arguments.grad
    return Known("cut", off.because) if off is not None and not off.value else Known("attached", use.node)


# -- dtypes -----------------------------------------------------------------------------------------------------------


def same_dtype(use: Use) -> Known[str] | None:
    """The input's dtype."""
    return use.tensor().dtype


def floating(use: Use) -> Known[str] | None:
    """The input's where it is a float, and some float where it holds integers: the default dtype or autocast decide."""
    return as_float(use.tensor().dtype)


def as_float(dtype: Known[str] | None) -> Known[str] | None:
    """Some float, computed from a value of this dtype."""
    if dtype is None or dtype.value not in FLOATS | DISCRETE:
        return None
    return Known("float", dtype.because)


def summed(use: Use) -> Known[str] | None:
    """What sums give: int64 of integers, else some float; ``dtype`` overrules."""
    if use.has("dtype"):
        return given_dtype(use)
    dtype = use.tensor().dtype
    return Known("int64", dtype.because) if dtype is not None and dtype.value in DISCRETE else as_float(dtype)


def promoted(use: Use) -> Known[str] | None:
    """The common dtype of the operands, numbers included."""
    return promoted_dtypes(use, (value for name, value in use.given.items() if name in _OPERANDS - {"condition"}))


def promoted_dtypes(use: Use, values: Iterable[Value]) -> Known[str] | None:
    """The common dtype of these, where it follows without a table of ranks."""
    dtypes: list[Known[str]] = []
    number: type | None = None
    for value in values:
        if isinstance(value, Const):
            number = float if isinstance(value.value, float) or number is float else type(value.value)
        elif isinstance(value, Tensor) and value.dtype is not None:
            dtypes.append(value.dtype)
        else:
            return None
    if not dtypes or any(dtype.value != dtypes[0].value for dtype in dtypes):
        return None
    dtype = dtypes[0]
    if dtype.value in FLOATS or number in (None, bool) or (number is int and dtype.value in INTS):
        return dtype
    if number is float:
        return Known("float", use.node)
    return Known("int64", use.node) if dtype.value == "bool" and number is int else None


def fixed(dtype: str) -> NameRule:
    """Always this."""
    return lambda use: Known(dtype, use.node)


def given_dtype(use: Use) -> Known[str] | None:
    """The ``dtype`` that is asked for; the default float where there is none."""
    if not use.has("dtype"):
        return Known("float", use.node)
    name = dtype_of(use.value("dtype"))
    return Known(name, use.node) if name is not None else None


def given_or_same_dtype(use: Use) -> Known[str] | None:
    """The ``dtype`` that is asked for; else the input's."""
    return given_dtype(use) if use.has("dtype") else same_dtype(use)


def same_device(use: Use) -> Known[str] | None:
    """The device of the operands, where they agree."""
    found = [operand.device for operand in use.operands() if operand.rank != 0]
    if not found or any(device is None or device.value != found[0].value for device in found):  # type: ignore[union-attr]
        return None
    return found[0]


def same_scale(use: Use) -> Known[str] | None:
    """The input's scale."""
    return use.tensor().scale


def scaled(scale: str) -> NameRule:
    """Always this scale."""
    return lambda use: Known(scale, use.node)
