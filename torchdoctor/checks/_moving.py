"""Swaps that put a statement of the training step where it belongs."""

from __future__ import annotations

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File


def line_of(file: File, event: Event) -> cst.SimpleStatementLine | None:
    """The line that is nothing but the event's call; None where the call is a part of something larger, or the line
    is another file's."""
    if event.file is not file:
        return None
    expression = file.parent(event.node)
    line = file.parent(expression) if isinstance(expression, cst.Expr) else None
    return line if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None


def moved(file: File, line: cst.SimpleStatementLine | None, behind: cst.CSTNode | None) -> tuple[Swap, ...]:
    """Move a line, its comment too, behind a statement of the same block; nothing where it cannot be done."""
    block = file.parent(line) if line is not None else None
    while behind is not None and file.parent(behind) is not block:
        behind = file.parent(behind)
    if line is None or block is None or not isinstance(behind, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
        return ()
    text = file.module.code_for_node(line.with_changes(leading_lines=())).strip()
    return Swap(line, ""), Swap(behind, text, "after")


def receiver(file: File, event: Event) -> str:
    """The source of what the event's method is called on: `self.optimizer`."""
    node = event.node
    assert isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
    return file.code(node.func.value)


def optimizer_code(event: Event) -> str:
    """The source of the optimizer that a step is of: `opt.step()`, `scaler.step(opt)`."""
    node = event.node
    assert isinstance(node, cst.Call)
    if event.kind == "step":
        return receiver(event.file, event)
    return event.file.code(node.args[0].value)
