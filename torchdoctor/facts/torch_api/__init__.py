"""What torch does to what is known of a tensor: each function, method, module and operator, as data.

The rows stand in the modules beside this one; the tests prove each against torch. Nothing here imports torch. Every
function returns None where nothing is known, also for a call that torch would refuse.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from torchdoctor.facts import tensor as algebra
from torchdoctor.facts.passing import is_starred
from torchdoctor.facts.refusal import Refusal
from torchdoctor.facts.torch_api import arrays, indexing, modules, operators, refusals
from torchdoctor.facts.torch_api.arguments import Arguments, NotKnown, Use, takes
from torchdoctor.facts.torch_api.operands import as_array, as_tensor, is_array
from torchdoctor.facts.torch_api.rows import Row
from torchdoctor.facts.torch_api.slices import Key, Slice
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.values import UNKNOWN, Array, Const, Fields, Known, Made, Tensor, Value
from torchdoctor.facts.viewing import view_fails

Refuse = Callable[[Refusal], None]
# Parameters of methods that no tensor is given for: numbers, names, tuples of these.
_PLAIN = frozenset({"p", "ord", "dim", "keepdim", "dims", "start_dim", "end_dim", "dim0", "dim1", "dtype", "chunks"})
# What a layer is made with and then has as an attribute of the same name, unchanged.
_KEPT = frozenset({
    "in_features", "out_features", "in_channels", "out_channels", "num_features", "num_embeddings", "embedding_dim",
    "input_size", "hidden_size", "num_layers", "bidirectional", "batch_first", "embed_dim", "num_heads", "num_groups",
    "num_channels", "groups",
})  # fmt: skip

__all__ = [
    "Arguments",
    "Fields",
    "Key",
    "Slice",
    "as_array",
    "as_tensor",
    "attribute",
    "augment",
    "call",
    "index",
    "is_array",
    "is_inplace",
    "made_with",
    "make",
    "method",
    "module",
    "operator",
    "refine_rank",
    "view_fails",
]


def call(name: str, arguments: Arguments) -> Value | None:
    """The result of the function of this canonical full name ("torch.nn.functional.softmax")."""
    if name.startswith(("numpy.", "sklearn.")):
        return arrays.called(name, arguments)
    row = table().functions.get(name)
    if row is not None:
        return _applied(row, arguments, name)
    owner, _, own = name.rpartition(".")
    if is_inplace(own) and owner == "torch.nn.init":
        return _initialised(arguments)
    if is_inplace(own) and owner in ("torch", "torch.nn.functional"):
        name = f"{owner}.{own[:-1]}"
        return _in_place(table().functions.get(name), name, arguments)
    return None


def method(name: str, arguments: Arguments) -> Value | None:
    """The result of `x.name(...)`; the receiver is the first of ``arguments.values``."""
    row = table().methods.get(name)
    if arguments.values and is_array(arguments.values[0]):
        return arrays.method(name, arguments)
    if row is not None:
        return None if _is_no_tensors(row, arguments) else _applied(row, arguments, f".{name}")
    return _in_place(table().methods.get(name[:-1]), f".{name[:-1]}", arguments) if is_inplace(name) else None


def make(made: Made, refuse: Refuse) -> None:
    """Tell ``refuse`` where torch refuses to make a module with these arguments."""
    refusals.ask_constructor(made, refuse)


def module(name: str, made: Made, arguments: Arguments) -> Value | None:
    """The result of calling an instance of a torch class; ``made`` has the constructor's arguments."""
    return None if _of_nothing(arguments) else modules.called(name, made, arguments)


def made_with(made: Made, name: str) -> Value | None:
    """`layer.in_features`: a number that a layer of torch keeps as it was made with."""
    row = table().modules.get(made.name) if name in _KEPT else None
    if row is None or name not in row.made_with or is_starred(made):
        return None
    return made.argument(row.made_with.index(name), name)


def attribute(of: Value, name: str, node: cst.CSTNode, grad: Known[bool] | None = None) -> Value | None:
    """`of.name`, as far as torch defines it."""
    return operators.attribute_of(of, name, Arguments(node, (), {}, grad=grad))


def index(of: Value, keys: tuple[Key, ...], node: cst.CSTNode, grad: Known[bool] | None = None) -> Value | None:
    """`of[keys]`."""
    arguments = Arguments(node, (), {}, grad=grad)
    if isinstance(of, Array):
        part = indexing.indexed(as_array(of) or of, keys, arguments)
        return arrays.like(of, part.shape.value, arguments) if isinstance(part, Tensor) and part.shape else None
    return indexing.indexed(of, keys, arguments)


def operator(
    symbol: str,
    operands: tuple[Value, ...],
    node: cst.CSTNode,
    grad: Known[bool] | None = None,
    refuse: Refuse | None = None,
) -> Value | None:
    """An operator expression: "+", "@", "<", "neg", "~" ...; of numbers as well as of tensors."""
    if any(map(is_array, operands)) and not any(isinstance(one, Tensor) for one in operands):
        return arrays.operated(symbol, Arguments(node, operands, {}))
    try:
        return operators.operated(symbol, Arguments(node, operands, {}, grad=grad, refuse=refuse))
    except NotKnown:
        return None


def augment(
    symbol: str,
    target: Tensor,
    value: Value,
    node: cst.CSTNode,
    grad: Known[bool] | None = None,
    refuse: Refuse | None = None,
) -> Tensor:
    """`target += value` and its kind: the target, which stays where it is, with other elements."""
    result = operator(symbol, (target, value), node, grad, refuse)
    if refuse is not None and (found := refusals.overflowing(target, result)) is not None:
        refuse(found)
    return _rewritten(target, result, grad)


def refine_rank(value: Value, rank: int) -> Tensor | None:
    """The value as a tensor that is now known to have this many dimensions (`b, n, c = x.shape`)."""
    tensor = as_array(value)
    return algebra.refine_rank(tensor, rank) if tensor is not None else None


def is_inplace(method: str) -> bool:
    """Whether a method changes its receiver: `add_`."""
    return method.endswith("_") and not method.startswith("_") and len(method) > 1


def _of_nothing(arguments: Arguments) -> bool:
    """Whether None is given where the input belongs, as by a forward that returns nothing: torch refuses it."""
    return bool(arguments.values) and isinstance(arguments.values[0], Const) and arguments.values[0].value is None


def _is_no_tensors(row: Row, arguments: Arguments) -> bool:
    """Whether a method of something that is not known is given what a tensor's does not take: `model.norm(x)`, where
    x is a tensor, is a layer's."""
    if arguments.values and isinstance(arguments.values[0], Tensor):
        return False
    if not all(takes(row.parameters, keyword) for keyword in arguments.keywords):
        return True
    given = zip(row.parameters, arguments.values, strict=False)
    return any(isinstance(value, Tensor) and parameter in _PLAIN for parameter, value in given)


def _applied(row: Row, arguments: Arguments, name: str) -> Value | None:
    if _of_nothing(arguments):
        return None
    out = arguments.keywords.get("out")
    if out is not None and not (isinstance(out, Const) and out.value is None):
        return None  # written into a tensor that has its own layout and dtype
    if refusals.ask(refusals.functions().get(name), Use(arguments, row.parameters)):
        return UNKNOWN  # nothing comes of it; what is done with it then is no fault of its own
    try:
        return row.effect(Use(arguments, row.parameters))
    except NotKnown:
        return None


def _initialised(arguments: Arguments) -> Value | None:
    """`nn.init.zeros_(x)` writes other elements, and leaves all that is known of x."""
    given = arguments.values[0] if arguments.values else arguments.keywords.get("tensor")
    tensor = as_tensor(given) if given is not None else None
    return tensor.but(scale=None) if tensor is not None else None


def _in_place(row: Row | None, name: str, arguments: Arguments) -> Value | None:
    """A method that writes into its receiver gives back the receiver, of which less may be known."""
    receiver = as_tensor(arguments.values[0]) if arguments.values else None
    if receiver is None:
        return None
    if row is None:
        return Tensor(receiver.source, receiver.of, models=receiver.models, views=receiver.views)
    result = _applied(row, arguments, name)
    if row.kind == "view" and isinstance(result, Tensor):
        return receiver.but(shape=result.shape, layout=result.layout, contiguous=result.contiguous)
    if arguments.refuse is not None and (found := refusals.overflowing(receiver, result)) is not None:
        arguments.refuse(found)
    return _rewritten(receiver, result, arguments.grad)


def _rewritten(target: Tensor, result: Value | None, off: Known[bool] | None) -> Tensor:
    """The target after the elements of a result were written into it: in the graph of both, where gradients are on."""
    if not isinstance(result, Tensor):
        return target.but(grad=None, scale=None)
    stays = (off is not None and not off.value) or (target.grad is not None and target.grad.value == "leaf")
    grad = target.grad if stays else result.grad
    return target.but(grad=grad, scale=result.scale, models=target.models | result.models)
