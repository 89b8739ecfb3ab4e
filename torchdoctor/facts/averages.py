"""Differences and comparisons of predictions and targets that are averaged or summed: losses and metrics by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.ancestry import ancestry, operands
from torchdoctor.facts.broadcasting import Stretch, stretched
from torchdoctor.facts.operations import Operation
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Tensor

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

REDUCTIONS = frozenset({"mean", "sum", "nanmean", "norm"})


def may_average(file: File, call: cst.Call) -> bool:
    """Whether a difference stands in what a call works on, or in what is given to a name there: by the text alone."""
    for operand in operands(call):
        for part in within(operand):
            if _is_difference(part):
                return True
            values = file.scopes.values(part) if isinstance(part, cst.Name) else []
            if any(_is_difference(inner) for value in values[:4] for inner in within(value)):
                return True
    return False


def averaged(use: Operation) -> tuple[cst.CSTNode, Stretch] | None:
    """The difference or comparison that the operation averages, where it broadcasts."""
    given = use.expression()
    for node, _ in ancestry(use.flow, given) if given is not None else ():
        if not _is_difference(node):
            continue
        left, right = (use.flow.value(part) for part in operands(node)[:2])
        if not isinstance(left, Tensor) or not isinstance(right, Tensor):
            return None
        stretch = stretched(left, right)
        sides = [_is_predicted(use, part) for part in operands(node)[:2]]
        if stretch is None or not stretch.is_column_and_row or sides.count(True) != 1:
            return None
        return node, stretch
    return None


def _is_difference(node: cst.CSTNode) -> bool:
    """A difference, or a comparison of equality."""
    if isinstance(node, cst.Comparison):
        return len(node.comparisons) == 1 and isinstance(node.comparisons[0].operator, (cst.Equal, cst.NotEqual))
    return isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Subtract)


def _is_predicted(use: Operation, node: cst.CSTNode) -> bool:
    """Whether an expression was computed from what a model gave."""
    return any(tensor.models for _, tensor in ancestry(use.flow, node))
