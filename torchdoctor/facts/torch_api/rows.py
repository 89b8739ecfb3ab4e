"""How a row of the table is written and read.

A row gives the names that torch has for one thing it does, the parameters in torch's order, and a rule for each fact of
the result. In the names a bare word (`relu`) stands for `torch.relu` and `Tensor.relu`, `.relu` for the method only,
and anything with a dot inside for itself; "F." is torch.nn.functional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import libcst as cst

from torchdoctor.facts.axes import Shape
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.tensor import named, scattered
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.gradients import GradRule, created, of_same, through
from torchdoctor.facts.torch_api.memory import MemoryRule, kept
from torchdoctor.facts.torch_api.rules import ENDINGS, NameRule, ShapeRule, same, same_device, same_dtype
from torchdoctor.facts.values import Known, Named, Result, Tensor, Value

T = TypeVar("T")
Effect = Callable[[Use], Value | None]


@fixed
class Row:
    """``names`` are full names of functions, or method names after a dot; ``effect`` works out the result.

    ``kind`` is "computed" (a new tensor), "view" (the same elements seen otherwise) or "other".
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    effect: Effect
    kind: str = "other"


def row(
    names: str,
    parameters: str = "input",
    *,
    shape: ShapeRule = same,
    memory: MemoryRule = kept,
    grad: GradRule = through,
    dtype: NameRule | None = same_dtype,
    scale: NameRule | None = None,
    device: NameRule | None = same_device,
) -> Row:
    """A row whose result is one new tensor."""

    def effect(use: Use) -> Tensor:
        return computed(use, shape=shape, memory=memory, grad=grad, dtype=dtype, scale=scale, device=device)

    return Row(_names(names), tuple(parameters.split()), effect, "computed")


def view(names: str, parameters: str, of: Callable[[Use], Tensor | None], *, grad: GradRule = of_same) -> Row:
    """A row whose result shares the memory of the input; ``of`` gives the input with its new shape and layout."""

    def effect(use: Use) -> Tensor | None:
        try:
            seen = of(use)
        except NotKnown:
            seen = scattered(use.tensor(), None, use.node)
        return seeing(use, seen, grad=grad) if seen is not None else None

    return Row(_names(names), tuple(parameters.split()), effect, "view")


def effect(names: str, parameters: str, effect: Effect, kind: str = "other") -> Row:
    """A row whose result is worked out by a function of its own."""
    return Row(_names(names), tuple(parameters.split()), effect, kind)


def computed(
    use: Use,
    *,
    shape: ShapeRule = same,
    memory: MemoryRule = kept,
    grad: GradRule = through,
    dtype: NameRule | None = same_dtype,
    scale: NameRule | None = None,
    device: NameRule | None = same_device,
    place: int = -1,
) -> Tensor:
    """A new tensor, by rules; ``place`` where it is one of several results."""
    sizes = attempt(shape, use)
    laid = attempt(lambda use: memory(use, sizes), use) or Tensor(use.node)
    if laid.shape is not None:
        sizes = laid.shape.value
    return named(
        Tensor(
            source=use.node,
            of=_identity(use, place),
            shape=Known(sizes, _because(use, sizes)) if sizes is not None else None,
            tail=_tail(use, shape) if sizes is None else None,
            layout=laid.layout,
            contiguous=laid.contiguous,
            grad=attempt(grad, use),
            dtype=attempt(dtype, use) if dtype is not None else None,
            scale=attempt(scale, use) if scale is not None else None,
            device=attempt(device, use) if device is not None else None,
            models=frozenset() if grad is created else joined_models(use.operands()),
        )
    )


def _because(use: Use, sizes: Shape) -> cst.CSTNode:
    """What made these sizes: not this, where the input has them already."""
    given = use.given.get("input")
    was = given.shape if isinstance(given, Tensor) else None
    return was.because if was is not None and was.value == sizes else use.node


def _tail(use: Use, shape: ShapeRule) -> Known[Shape] | None:
    """The sizes of the last dimensions, where the rule can tell them of an input of unknown rank."""
    rule = ENDINGS.get(shape)
    sizes = attempt(rule, use) if rule is not None else None
    if not sizes or set(sizes) == {None}:
        return None
    given = use.given.get("input")
    was = given.ending if isinstance(given, Tensor) else None
    return Known(sizes, was.because if was is not None and was.value[-len(sizes) :] == sizes else use.node)


def joined_models(operands: Iterable[Tensor]) -> frozenset[Value]:
    """The modules whose parameters a gradient reaches from what is computed from these."""
    attached = (operand for operand in operands if operand.grad is None or operand.grad.value != "cut")
    return frozenset(model for operand in attached for model in operand.models)


def seeing(use: Use, seen: Tensor, *, grad: GradRule = of_same, place: int = -1) -> Tensor:
    """The result of a view, from the input with its new shape and layout."""
    return named(
        seen.but(
            source=use.node,
            of=_identity(use, place),
            grad=attempt(grad, use),
            views=use.given.get("input"),
        )
    )


def _identity(use: Use, place: int) -> Value | None:
    """What tells one of several results of a node from the others; None for the only one."""
    return use.of if place < 0 else Result(use.node, use.of or Named("torch"), place)


def attempt(rule: Callable[[Use], T | None], use: Use) -> T | None:
    """What the rule gives; None where it needs what is not known."""
    try:
        return rule(use)
    except NotKnown:
        return None


def _names(names: str) -> tuple[str, ...]:
    found: list[str] = []
    for name in names.split():
        if name.startswith("."):
            found.append(name)
        elif name.startswith("F."):
            found.append(f"torch.nn.functional.{name[2:]}")
        elif "." in name:
            found.append(name)
        else:
            found.extend((f"torch.{name}", f".{name}"))
    return tuple(found)
