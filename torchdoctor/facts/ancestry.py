"""What a tensor was computed from within one flow: the expressions of its operands, theirs, and so on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.values import Tensor

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

_MOST = 24


def ancestry(flow: Flow, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, Tensor]]:
    """Each expression that made the tensor of ``node`` or one that it was computed from, with that tensor.

    The nearest come first. Names are followed to the expression that made what they hold.
    """
    value = flow.value(node)
    queue = [(value.source, value)] if isinstance(value, Tensor) else []
    for made, tensor in queue:  # grows while it is read
        yield made, tensor
        for operand in operands(made):
            value = flow.value(operand)
            known = {seen for seen, _ in queue}
            if isinstance(value, Tensor) and value.source not in known and len(queue) < _MOST:
                queue.append((value.source, value))


def made_by(flow: Flow, node: cst.CSTNode, name: str, through: frozenset[str]) -> bool:
    """Whether a tensor is what the function of this full name gave, and these methods of it handed on."""
    for made, _ in ancestry(flow, node):
        if not isinstance(made, cst.Call):
            return False
        if flow.file.name(made.func) == name:
            return True
        if not isinstance(made.func, cst.Attribute) or made.func.attr.value not in through:
            return False
    return False


def operands(node: cst.CSTNode) -> list[cst.BaseExpression]:
    """The expressions that an expression works on: a call's receiver and arguments, an operator's sides."""
    if isinstance(node, cst.Call):
        receiver = [node.func.value] if isinstance(node.func, cst.Attribute) else []
        return [*receiver, *(arg.value for arg in node.args)]
    if isinstance(node, cst.BinaryOperation):
        return [node.left, node.right]
    if isinstance(node, cst.Comparison):
        return [node.left, *(part.comparator for part in node.comparisons)]
    if isinstance(node, cst.UnaryOperation):
        return [node.expression]
    return [node.value] if isinstance(node, (cst.Subscript, cst.Attribute)) else []
