"""Rules for a result's gradient: in the graph, cut from it, plain data, or a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.rules import FLOATS
from torchdoctor.facts.values import Known, Tensor

GradRule = Callable[[Use], Known[str] | None]


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
