"""What torch does to what is known of a tensor: each function, method, module and operator, as data.

The rows stand in the modules beside this one; the tests prove each against torch. Nothing here imports torch. Every function
returns None where nothing is known, also for a call that torch would refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst

from torchdoctor.facts.values import Attr, Dim, Element, Free, Item, Known, Made, Param, Result, Tensor, Unknown, Value


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call passes: ``node`` is the call, ``values`` the positional arguments (a method's receiver first).

    ``starred``: *args or **kwargs were passed, so what is not seen may be given all the same. ``grad`` is the grad mode,
    Known(False) where it is off. ``nodes`` are the argument expressions, parallel to ``values`` where there are any.
    """

    node: cst.CSTNode
    values: tuple[Value, ...]
    keywords: Mapping[str, Value]
    starred: bool = False
    grad: Known[bool] | None = None
    nodes: tuple[cst.CSTNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """`lower:upper:step` in a subscript; None for what is not written."""

    lower: Value | None = None
    upper: Value | None = None
    step: Value | None = None


Key = Value | Slice


def call(name: str, arguments: Arguments) -> Value | None:
    """The result of the function of this canonical full name ("torch.nn.functional.softmax")."""
    return None


def method(name: str, arguments: Arguments) -> Value | None:
    """The result of `x.name(...)`; the receiver is the first of ``arguments.values``."""
    return None


def module(name: str, made: Made, arguments: Arguments) -> Value | None:
    """The result of calling an instance of a torch class; ``made`` has the constructor's arguments."""
    return None


def attribute(of: Value, name: str, node: cst.CSTNode, grad: Known[bool] | None = None) -> Value | None:
    """`of.name`, as far as torch defines it."""
    return None


def index(of: Value, keys: tuple[Key, ...], node: cst.CSTNode, grad: Known[bool] | None = None) -> Value | None:
    """`of[keys]`."""
    return None


def operator(symbol: str, operands: tuple[Value, ...], node: cst.CSTNode, grad: Known[bool] | None = None) -> Value | None:
    """An operator expression: "+", "@", "<", "neg", "~" ...; of numbers as well as of tensors."""
    return None


def as_tensor(value: Value) -> Tensor | None:
    """The value seen as a tensor, where it may be one."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (Param, Element, Result, Attr, Item, Free, Unknown)):
        return None
    return None


def refine_rank(tensor: Tensor, rank: int) -> Tensor:
    """The same tensor, now known to have this many dimensions (`b, n, c = x.shape`)."""
    return tensor


def is_inplace(method: str) -> bool:
    """Whether a method changes its receiver: `add_`."""
    return method.endswith("_") and not method.endswith("__")


def view_fails(tensor: Tensor, sizes: tuple[Dim, ...]) -> str | None:
    """Why torch surely refuses to view the tensor with these sizes, in words; None where it may be legal."""
    return None
