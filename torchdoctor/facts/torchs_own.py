"""Whether an expression is surely a tensor: many methods of tensors are those of NumPy's arrays as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.kind import annotated_class
from torchdoctor.facts.values import Param, Tensor

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

# Methods that arrays have too, and that may be called on them with the same arguments.
_OF_ARRAYS = frozenset({
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "copy", "cumprod", "cumsum", "diagonal", "dot",
    "flatten", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "sort", "squeeze", "std",
    "sum", "take", "tolist", "trace", "transpose", "var", "view",
})  # fmt: skip
_OF_TENSORS = frozenset({"dim", "keepdim"})  # arguments that NumPy calls otherwise
_DEPTH = 12


def is_torchs(flow: Flow, node: cst.CSTNode, depth: int = _DEPTH) -> bool:
    """Whether torch made what an expression is, or it is declared to be a tensor; False where that is not known."""
    if depth == 0:
        return False
    if isinstance(node, (cst.Comparison, cst.BinaryOperation)):
        right = node.right if isinstance(node, cst.BinaryOperation) else node.comparisons[0].comparator
        return is_torchs(flow, node.left, depth - 1) or is_torchs(flow, right, depth - 1)
    if isinstance(node, cst.UnaryOperation):
        return is_torchs(flow, node.expression, depth - 1)
    if isinstance(node, cst.Subscript):
        return is_torchs(flow, node.value, depth - 1)
    value = flow.values.get(node)
    if isinstance(value, Tensor) and value.models:
        return True
    if isinstance(node, cst.Call):
        return _is_made(flow, node, depth - 1)
    if isinstance(value, Param):
        return annotated_class(value, flow.file.flows) == "torch.Tensor" or _is_forwarded(flow, value)
    made = value.source if isinstance(value, Tensor) else node
    return made is not node and is_torchs(flow, made, depth - 1)


def _is_made(flow: Flow, call: cst.Call, depth: int) -> bool:
    """A function of torch's, a method that no array has, or one of such a thing."""
    if (name := flow.file.name(call.func)) is not None:
        return name.startswith("torch.")
    if not isinstance(call.func, cst.Attribute):
        return False
    if any(arg.keyword is not None and arg.keyword.value in _OF_TENSORS for arg in call.args):
        return True
    method = call.func.attr.value
    if method not in _OF_ARRAYS:
        return isinstance(flow.values.get(call), Tensor)
    return is_torchs(flow, call.func.value, depth)


def _is_forwarded(flow: Flow, param: Param) -> bool:
    """What a module's forward is given."""
    function = param.function
    facts = flow.file.classes.enclosing(function) if function in flow.file.tree.order else None
    return facts is not None and facts.is_module and isinstance(function, cst.FunctionDef)
