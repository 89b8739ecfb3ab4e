"""Which expressions make a tensor that learns: an nn.Parameter, or a new tensor that asks for gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.layers import is_parameter
from torchdoctor.facts.origins import Origin, assigned, origins

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_FACTORIES = frozenset({
    "tensor", "zeros", "ones", "empty", "full", "rand", "randn", "randint", "eye", "linspace", "logspace", "arange",
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "normal", "from_numpy",
    "as_tensor", "Tensor", "FloatTensor", "DoubleTensor", "stack", "cat", "randperm", "empty_strided",
})  # fmt: skip
# Methods that give the same object back where there is nothing to do, and what there is then nothing to do for.
_NOTHING_TO_DO = ("cpu", "torch.float32", "torch.float", "torch.FloatTensor", "float32")
_NEW_TENSOR = frozenset({
    "cuda", "to", "half", "double", "bfloat16", "type", "xpu", "clone", "view", "reshape", "t", "transpose", "permute",
    "unsqueeze", "squeeze", "expand", "repeat", "mul", "div", "add", "sub", "pow", "abs", "sqrt", "exp", "log",
    "softmax", "sigmoid", "tanh", "flatten", "type_as", "to_sparse",
})  # fmt: skip
# Functions that fill a tensor and give it back.
_FILLS = "torch.nn.init."


def asks_for_gradients(file: File, node: cst.BaseExpression) -> cst.CSTNode | None:
    """Where a new tensor, made by this expression, is told to require gradients; None where it is not or not surely.

    What a function makes of an argument that asks for them is computed: it does not learn itself.
    """
    place = _asked(file, node, frozenset())
    return None if place is None or _is_argument(file, place, node) else place


def _asked(file: File, node: cst.BaseExpression, seen: frozenset[cst.CSTNode]) -> cst.CSTNode | None:
    for origin in origins(file, node):
        if origin.node not in seen and (place := _asks(origin, seen | {origin.node})) is not None:
            return place
    return None


def _asks(origin: Origin, seen: frozenset[cst.CSTNode]) -> cst.CSTNode | None:
    file, call = origin.file, origin.node
    if isinstance(call, cst.BinaryOperation):
        return _asked(file, call.left, seen) or _asked(file, call.right, seen)
    if not isinstance(call, cst.Call):
        return None
    name = file.name(call.func) or ""
    if name.startswith(_FILLS) and call.args:
        return _asked(file, call.args[0].value, seen)
    if name == "torch.autograd.Variable" or is_factory(name):
        place = 1 if name == "torch.autograd.Variable" else None
        asked = file.argument(call, place, "requires_grad")
        return asked if asked is not None and file.constant(asked) is True else None
    if not isinstance(call.func, cst.Attribute):
        return None
    method = call.func.attr.value
    if method == "requires_grad_" and makes_tensor(file, call.func.value):
        asked = file.argument(call, 0, "requires_grad")
        return call.func.attr if asked is None or file.constant(asked) is True else None
    filled = method.endswith("_") and not method.startswith("_")  # in place, and given back
    return _asked(file, call.func.value, seen) if filled or method in _NEW_TENSOR else None


def _is_argument(file: File, place: cst.CSTNode, value: cst.BaseExpression) -> bool:
    """Whether the tensor that asks for gradients is an argument of a function that is not torch's."""
    for above in file.ancestors(place):
        if above is value:
            return False
        call = file.parent(above) if isinstance(above, cst.Arg) else None
        if isinstance(call, cst.Call) and above in call.args and call is not file.parent(place):
            if not (file.name(call.func) or "").startswith("torch."):
                return True
    return False


def is_factory(name: str) -> bool:
    """Whether a full name is that of a function of torch that makes a new tensor."""
    return name.startswith("torch.") and name[len("torch.") :] in _FACTORIES


def makes_tensor(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression surely makes a tensor anew: a factory, or methods and operators on one."""
    return _all_make(file, node, frozenset())


def _all_make(file: File, node: cst.BaseExpression, seen: frozenset[cst.CSTNode]) -> bool:
    return all(origin.node in seen or _makes(origin, seen | {origin.node}) for origin in origins(file, node))


def _makes(origin: Origin, seen: frozenset[cst.CSTNode]) -> bool:
    file, node = origin.file, origin.node
    if isinstance(node, cst.BinaryOperation):
        return _all_make(file, node.left, seen) or _all_make(file, node.right, seen)
    if isinstance(node, cst.UnaryOperation):
        return _all_make(file, node.expression, seen)
    if not isinstance(node, cst.Call):
        return False
    name = file.name(node.func) or ""
    if is_factory(name) or name.startswith(_FILLS) or name == "torch.autograd.Variable":
        return True
    return isinstance(node.func, cst.Attribute) and _all_make(file, node.func.value, seen)


def is_learnable(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression makes an nn.Parameter or a tensor that asks for gradients."""
    return is_parameter(file, node) or asks_for_gradients(file, node) is not None


@dataclass(frozen=True, slots=True)
class Derived:
    """A tensor made of an nn.Parameter that is new: the whole expression, the parameter in it, and the step."""

    file: File
    node: cst.BaseExpression
    parameter: cst.Call
    step: str
    sure: bool = True


def derived_from_parameter(file: File, node: cst.BaseExpression) -> Derived | None:
    """The tensor that an expression makes of a parameter that is new in it: `nn.Parameter(...).half()`.

    ``sure`` is False where an argument decides whether a new tensor is made at all. None for the parameter itself.
    """
    inner, step, sure = node, "", False
    while True:
        if isinstance(inner, cst.Call) and isinstance(inner.func, cst.Attribute) and not _is_new_parameter(file, inner):
            method = inner.func.attr.value
            if method in _NEW_TENSOR and not _does_nothing(file, inner, method):
                step, sure = _text(file, inner, method), sure or method not in ("to", "cuda", "type", "type_as", "xpu")
            inner = inner.func.value
        elif isinstance(inner, cst.BinaryOperation):
            step, sure = f"{file.code(inner.operator)}", True
            inner = inner.left if contains_new_parameter(file, inner.left) else inner.right
        elif isinstance(inner, cst.UnaryOperation):
            step, sure, inner = f"{file.code(inner.operator)}", True, inner.expression
        else:
            break
    if isinstance(inner, cst.Name):
        values = assigned(file, inner)
        inner = values[0] if len(values) == 1 and not _has_own_name(file, inner) else inner
    if step and isinstance(inner, cst.Call) and _is_new_parameter(file, inner):
        return Derived(file, node, inner, step, sure)
    return None


def _has_own_name(file: File, variable: cst.Name) -> bool:
    """Whether the variable's value is made an attribute, or given to a call, as it is: then it is registered itself."""
    for name in file.mentions.get(variable.value, ()):
        parent = file.parent(name)
        call = file.parent(parent) if isinstance(parent, cst.Arg) else None
        filled = isinstance(call, cst.Call) and (file.name(call.func) or "").startswith(_FILLS)
        if (isinstance(parent, cst.Arg) and not filled) or (isinstance(parent, cst.Assign) and parent.value is name):
            return True
    return False


def contains_new_parameter(file: File, node: cst.BaseExpression) -> bool:
    """Whether an operand is, by methods and operators, made of a parameter that is created in it."""
    while True:
        if isinstance(node, cst.Call) and _is_new_parameter(file, node):
            return True
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            node = node.func.value
        elif isinstance(node, cst.UnaryOperation):
            node = node.expression
        else:
            return False


def _is_new_parameter(file: File, node: cst.Call) -> bool:
    return file.name(node.func) == "torch.nn.Parameter"


def _does_nothing(file: File, call: cst.Call, method: str) -> bool:
    """`.to("cpu")`, `.type(torch.float32)`: a parameter that is there already comes back itself."""
    if method not in ("to", "type") or not call.args:
        return False
    for arg in call.args:
        value = arg.value
        if isinstance(value, cst.Call) and file.name(value.func) == "torch.device" and value.args:
            value = value.args[0].value
        if file.constant(value, file.name(value)) not in _NOTHING_TO_DO:
            return False
    return True


def _text(file: File, call: cst.Call, method: str) -> str:
    args = ", ".join(file.code(arg.value) for arg in call.args)
    return f".{method}({args})" if len(args) < 30 and "\n" not in args else f".{method}(...)"
