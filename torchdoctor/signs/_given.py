"""Which value torch refused for its type: found in the record by the type that the text names."""

from __future__ import annotations

import re

from torchdoctor.record import ExpressionRecord, Failure, ValueRecord
from torchdoctor.sign import Said

# How torch says that something else stands where a tensor belongs. Conv layers and a few more have several overloads,
# and say so; the first of the types is the input's.
TEXTS = (
    "{op:w}(): argument '{argument:w}' (position {position:d}) must be Tensor, not {type:w}",
    "{op:w}() received an invalid combination of arguments - got ({type:w}, Parameter",
    "expected Tensor as element {element:d} in argument {place:d}, but got {type:w}",
)
# The same of a function that is no layer's: there the first type may as well be a size's.
OVERLOADS = "{op:w}() received an invalid combination of arguments - got ({type:w}"
_FIRST_OF_FORM = re.compile(r"^ \* \((tuple of \w+|\w+)", re.MULTILINE)
OPERATION = "unsupported operand type(s) for {symbol}: '{left:w}' and '{right:w}'"
ATTRIBUTE = "'{type:w}' object has no attribute '{attribute:w}'"


# What tensors are asked for: on anything else it shows that a tensor was meant.
OF_TENSORS = frozenset({
    "shape", "size", "dim", "ndim", "view", "reshape", "permute", "transpose", "unsqueeze", "squeeze",
    "flatten", "to", "cuda", "cpu", "detach", "backward", "item", "numpy", "mean", "sum", "max", "min",
    "argmax", "softmax", "log_softmax", "relu", "sigmoid", "device", "dtype", "requires_grad", "requires_grad_",
    "contiguous", "clone", "float", "long", "half", "bool", "matmul", "mm", "bmm", "masked_fill", "gather",
    "expand", "repeat", "chunk", "split", "numel", "is_cuda", "T", "mT", "data", "grad", "zero_", "add_",
    "mul_", "copy_", "tolist", "is_floating_point", "type", "new_zeros", "abs", "pow", "exp", "log", "sqrt",
    "norm", "std", "var", "clamp", "cumsum", "is_sparse", "is_nested", "get_device", "logits",
})  # fmt: skip


# What nothing else is asked for, in whatever library: the text alone tells.
UNMISTAKABLE = frozenset({
    "backward", "cuda", "is_cuda", "unsqueeze", "requires_grad", "requires_grad_", "zero_", "masked_fill",
    "log_softmax",
})  # fmt: skip


def asks_for_a_tensor(failure: Failure, attribute: str | None) -> bool:
    """Whether an attribute is a tensor's, and was asked for as one; True where none is named."""
    if attribute is None:
        return True
    name = attribute.rstrip(".")
    return name in UNMISTAKABLE or (name in OF_TENSORS and failure.blame == "torch")


def takes_more_than_tensors(message: str) -> bool:
    """Whether a form of the function, as the text lists them, begins with something else than a tensor."""
    return any(first != "Tensor" for first in _FIRST_OF_FORM.findall(message))


def short_type(said: str | None) -> str:
    """The class's own name: "ndarray" of "numpy.ndarray", "max" of "torch.return_types.max"."""
    return (said or "").rpartition(".")[2].removeprefix("immutable_")  # fx's own lists


def of_type(failure: Failure, said: str | None, *, argument: str | None = None) -> ValueRecord | None:
    """The refused value, as it stands nearest to the user: in the user's own expression, else in torch's inner one."""
    name = short_type(said)
    for expression in reversed(failure.expressions):
        pool = [one for value in expression.operands for one in (value, *value.items)]
        named = [value for value in pool if value.type == name and value.role == argument]
        if found := named or [value for value in pool if value.type == name]:
            return found[0]
    return None


def refused(failure: Failure, said: Said, kind: str) -> ValueRecord | None:
    """The refused value; where it is not known, the argument at that place, of which the code is."""
    if (found := of_type(failure, kind, argument=said["argument"])) is not None:
        return found
    asked, position = failure.asked, said["position"]
    if asked is None or position is None or asked.operand("self") is not None or len(failure.expressions) > 1:
        return None
    placed = asked.operand(position - 1)
    return placed if placed is not None and not placed.known else None


def with_a_tensor(said: Said) -> bool:
    """Whether the text of an operator names a tensor on one of its sides; True of other texts."""
    return said["symbol"] is None or bool({said["left"], said["right"]} & {"Tensor", "Parameter"})


def sides(failure: Failure, said: Said) -> tuple[ValueRecord | None, ValueRecord | None]:
    """The two sides of an operator, where the user's expression is one; the text gives their types."""
    asked = failure.asked
    if asked is None or asked.kind != "operator" or len(asked.operands) != 2:
        return None, None
    return asked.operands[0], asked.operands[1]


def on_a_tensor(failure: Failure) -> bool:
    """Whether it was a tensor's own method that was called: then what it got first is no input."""
    asked = failure.asked
    first = asked.operand("self") if asked is not None else None
    return first is not None and first.tensor is not None


def function(failure: Failure, said: Said) -> str:
    """What took the value, in backticks: the operator, the layer in the user's words, else the function."""
    if said["symbol"] is not None:
        return f"`{said['symbol']}`"
    if failure.layer is not None:
        return failure.layer_text()
    asked: ExpressionRecord | None = failure.asked
    name = asked.name.rpartition(".")[2] if asked is not None and asked.kind == "call" else ""
    return f"`{name or said['op'] or 'torch'}`"


def wants(failure: Failure, said: Said) -> str:
    """What was asked of the value, behind what it is: "which has no `view`", "and `Net.fc` wants a tensor"."""
    attribute = said["attribute"]
    return f"which has no `{attribute}`" if attribute is not None else f"and {function(failure, said)} wants a tensor"


def in_sequence(failure: Failure) -> bool:
    """Whether the value was handed on by a Sequential, and so has no name in the user's code."""
    callee = failure.asked.callee if failure.asked is not None else None
    return callee is not None and callee.module is not None and callee.module.type == "Sequential"
