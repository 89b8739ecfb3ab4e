"""The vocabulary of the table: how a result's shape, dtype, device and scale follow from the arguments.

A rule takes the use of a row and gives a fact, or None where it is not known; it may raise NotKnown for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.dtypes import dtype_of
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.values import Arithmetic, Const, Dim, Known, Result, Tensor, Value

ShapeRule = Callable[[Use], Shape | None]
NameRule = Callable[[Use], Known[str] | None]

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})
INTS = frozenset({"int", "uint8", "int8", "int16", "int32", "int64"})
DISCRETE = INTS | {"bool"}
# What a rule can tell of the last dimensions where its input's rank is not known.
ENDINGS: dict[ShapeRule, ShapeRule] = {}
# Arguments that are combined element by element.
_OPERANDS = frozenset({
    "condition", "input", "other", "end", "weight", "tensor1", "tensor2", "min", "max", "exponent", "target",
})  # fmt: skip
_MAPS = 4  # dimensions of attention scores and feature maps


# -- shapes -----------------------------------------------------------------------------------------------------------


def ending(tail: ShapeRule) -> Callable[[ShapeRule], ShapeRule]:
    """Decorates a rule with what it can tell of the last dimensions."""

    def note(rule: ShapeRule) -> ShapeRule:
        ENDINGS[rule] = tail
        return rule

    return note


def ending_of(tensor: Tensor) -> Shape | None:
    """The sizes of the last dimensions, as many as are known."""
    return tensor.ending.value if tensor.ending is not None else None


def ending_space(use: Use, rank: int) -> Shape:
    """Channels and ``rank`` dimensions of space, as far as they are known of an input of unknown rank."""
    return ((None,) * (rank + 1) + (ending_of(use.tensor()) or ()))[-rank - 1 :]


@ending(lambda use: ending_of(use.tensor()))
def same(use: Use) -> Shape | None:
    """The shape of the input."""
    return shape_of(use.tensor())


def shape_of(tensor: Tensor) -> Shape | None:
    return tensor.shape.value if tensor.shape is not None else None


def _broadcast_ends(use: Use) -> Shape | None:
    """The last dimensions of operands that are broadcast: a size over one stays, whatever the others are."""
    tensors = [as_tensor(value) for value in element_wise(use)]
    ends = [ending_of(tensor) or () for tensor in tensors if tensor is not None]
    if len(ends) < len(tensors) or not ends:
        return None
    longest = max(map(len, ends))
    padded = [(None,) * (longest - len(one)) + one for one in ends]
    return tuple(map(_broadcast_dim, zip(*padded, strict=True)))


def _broadcast_dim(dims: tuple[Dim, ...]) -> Dim:
    large = [dim for dim in dims if isinstance(dim, int) and dim > 1]
    if large:
        return large[0] if len(set(large)) == 1 else None
    return dims[0] if len(set(dims)) == 1 else None


@ending(_broadcast_ends)
def broadcast(use: Use) -> Shape | None:
    """The shape that the operands are broadcast to, numbers aside."""
    shapes = []
    for value in element_wise(use):
        tensor = as_tensor(value)
        if tensor is None:
            return None
        shapes.append(shape_of(tensor))
    return broadcast_shapes(of_maps(shapes))


def of_maps(shapes: list[Shape | None]) -> list[Shape | None]:
    """The shapes of operands; beside attention scores or feature maps, which have four dimensions or more, what
    nothing is known of (a mask, a bias) is taken to have no more of them."""
    ranks = [len(shape) for shape in shapes if shape is not None]
    if len(ranks) == len(shapes) or max(ranks, default=0) < _MAPS:
        return shapes
    return [shape if shape is not None else (None,) * max(ranks) for shape in shapes]


def element_wise(use: Use) -> list[Value]:
    """The arguments that are combined element by element, but for numbers; in the order in which torch sees them."""
    found = [
        (name != "condition", value)
        for name, value in use.given.items()
        if name in _OPERANDS and not s.is_number(value)
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


# -- dtypes -----------------------------------------------------------------------------------------------------------


def same_dtype(use: Use) -> Known[str] | None:
    """The input's dtype."""
    return use.tensor().dtype


def floating(use: Use) -> Known[str] | None:
    """The input's where it is a float, and some float where it holds integers: the default dtype or autocast decide."""
    return as_float(use.tensor().dtype)


def of_floats(use: Use) -> Known[str] | None:
    """The input's where it is a float; not known for integers."""
    dtype = use.tensor().dtype
    return dtype if dtype is not None and dtype.value in FLOATS else None


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
        elif isinstance(value, Arithmetic) and value.operator in ("/", "**") and s.is_number(value):
            number = float
        elif isinstance(value, Result) and s.is_number(value):
            number = number if number is float else object  # whole or not: floats stay what they are
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
