"""Which expressions make a tensor that learns: an nn.Parameter, or a new tensor that asks for gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.layers import is_parameter
from torchdoctor.facts.origins import Origin, origins

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_FACTORIES = frozenset({
    "tensor", "zeros", "ones", "empty", "full", "rand", "randn", "randint", "eye", "linspace", "logspace", "arange",
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "normal", "from_numpy",
    "as_tensor",    "Tensor", "FloatTensor", "DoubleTensor", "stack", "cat", "randperm", "empty_strided",
})  # fmt: skip
# Functions that fill a tensor and give it back.
_FILLS = "torch.nn.init."


def asks_for_gradients(file: File, node: cst.BaseExpression) -> cst.CSTNode | None:
    """Where a new tensor, made by this expression, is told to require gradients; None where it is not or not surely."""
    for origin in origins(file, node):
        if (place := _asks(origin)) is not None:
            return place
    return None


def _asks(origin: Origin) -> cst.CSTNode | None:
    file, call = origin.file, origin.node
    if not isinstance(call, cst.Call):
        return None
    name = file.name(call.func) or ""
    if name.startswith(_FILLS) and call.args:
        return asks_for_gradients(file, call.args[0].value)
    if name == "torch.autograd.Variable":
        asked = file.argument(call, 1, "requires_grad")
        return asked if asked is not None and file.constant(asked) is True else None
    if is_factory(name):
        asked = file.argument(call, None, "requires_grad")
        return asked if asked is not None and file.constant(asked) is True else None
    if isinstance(call.func, cst.Attribute):
        method = call.func.attr.value
        if method == "requires_grad_" and makes_tensor(file, call.func.value):
            asked = file.argument(call, 0, "requires_grad")
            return call.func.attr if asked is None or file.constant(asked) is True else None
        if method.endswith("_") and not method.startswith("_"):  # fills it in place and gives it back
            return asks_for_gradients(file, call.func.value)
    return None


def is_factory(name: str) -> bool:
    """Whether a full name is that of a function of torch that makes a new tensor."""
    return name.startswith("torch.") and name[len("torch.") :] in _FACTORIES


def makes_tensor(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression surely makes a tensor anew: a factory, or methods and operators on one."""
    return all(_makes(origin) for origin in origins(file, node))


def _makes(origin: Origin) -> bool:
    file, node = origin.file, origin.node
    if isinstance(node, cst.BinaryOperation):
        return makes_tensor(file, node.left) or makes_tensor(file, node.right)
    if isinstance(node, cst.UnaryOperation):
        return makes_tensor(file, node.expression)
    if not isinstance(node, cst.Call):
        return False
    name = file.name(node.func) or ""
    if is_factory(name) or name.startswith(_FILLS) or name == "torch.autograd.Variable":
        return True
    return isinstance(node.func, cst.Attribute) and makes_tensor(file, node.func.value)


def is_learnable(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression makes an nn.Parameter or a tensor that asks for gradients."""
    return is_parameter(file, node) or asks_for_gradients(file, node) is not None
