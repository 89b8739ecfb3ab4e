"""Operators and attributes of tensors."""

from __future__ import annotations

from collections.abc import Callable

from torchdoctor.facts import sizes as s
from torchdoctor.facts.tensor import scattered
from torchdoctor.facts.torch_api import refusals
from torchdoctor.facts.torch_api.arguments import Arguments, Use
from torchdoctor.facts.torch_api.copying import shape_value
from torchdoctor.facts.torch_api.dtypes import NAMES
from torchdoctor.facts.torch_api.gradients import cut, of_same
from torchdoctor.facts.torch_api.operands import as_array
from torchdoctor.facts.torch_api.rows import attempt, seeing
from torchdoctor.facts.torch_api.rules import shape_of
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.torch_api.views import itself, matrix_transpose, reverse
from torchdoctor.facts.values import UNKNOWN, Fields, Named, Sequence, Tensor, Value, const

# The method that each operator calls.
METHODS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder", "**": "pow", "@": "matmul",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "&": "bitwise_and", "|": "bitwise_or",
    "^": "bitwise_xor", "<<": "bitwise_left_shift", ">>": "bitwise_right_shift", "neg": "neg", "pos": "positive",
    "~": "bitwise_not",
}  # fmt: skip


def operated(symbol: str, arguments: Arguments) -> Value | None:
    """The result of an operator on numbers and tensors."""
    operands = arguments.values
    if symbol == "+" and all(isinstance(operand, Sequence) for operand in operands):
        return Sequence(tuple(item for operand in operands if isinstance(operand, Sequence) for item in operand.items))
    if not any(isinstance(operand, Tensor) for operand in operands):
        return s.arithmetic(symbol, operands)
    name = METHODS.get(symbol, "")
    row = table().methods.get(name)
    if row is None:
        return None
    if refusals.ask(refusals.functions().get(f".{name}"), Use(arguments, row.parameters)):
        return UNKNOWN
    return row.effect(Use(arguments, row.parameters))


def attribute_of(of: Value, name: str, arguments: Arguments) -> Value | None:
    """An attribute of a tensor, or a named item of what a function of torch gives."""
    if isinstance(of, Fields) and name in of.names:
        return of.items[of.names.index(name)]
    tensor = as_array(of)
    if tensor is None:
        return None
    if name == "shape":
        return shape_value(of, tensor)
    if name == "ndim":
        return const(tensor.rank) if tensor.rank is not None else None
    if not isinstance(of, Tensor):
        return None  # `args.data`, `self.T` may be anything
    return _question(tensor, name) if name in _QUESTIONS else _view(of, name, arguments)


_QUESTIONS = frozenset({"dtype", "is_cuda", "requires_grad"})


def _question(tensor: Tensor, name: str) -> Value | None:
    if name == "dtype":
        exact = tensor.dtype is not None and tensor.dtype.value in NAMES
        return Named(f"torch.{tensor.dtype.value}") if exact and tensor.dtype is not None else None
    if name == "is_cuda":
        return const(tensor.device.value == "cuda") if tensor.device is not None else None
    return const(tensor.grad.value in ("attached", "leaf")) if tensor.grad is not None else None


def _view(of: Value, name: str, arguments: Arguments) -> Value | None:
    rule = _VIEWS.get(name)
    if rule is None:
        return None
    use = Use(arguments, ("input",))
    use.given["input"] = of
    seen = attempt(rule, use)
    return seeing(use, seen, grad=cut if name == "data" else of_same) if seen is not None else None


def _part(use: Use) -> Tensor:
    """The real or imaginary part: of a real tensor itself."""
    return scattered(use.tensor().but(dtype=None), shape_of(use.tensor()), use.node)


_VIEWS: dict[str, Callable[[Use], Tensor | None]] = {
    "T": reverse,
    "mT": matrix_transpose,
    "H": reverse,
    "mH": matrix_transpose,
    "data": itself,
    "real": _part,
    "imag": _part,
}
