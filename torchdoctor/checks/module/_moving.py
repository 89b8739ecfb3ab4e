"""Edits that move assignments from a class body into `__init__`."""

from __future__ import annotations

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.names import dotted
from torchdoctor.facts.tree import within

_MODULE = "torch.nn.Module"


def moved_into_init(facts: ClassFacts, values: list[cst.BaseExpression]) -> tuple[Swap, ...]:
    """The assignments of these values made attributes of self, below `super().__init__()`.

    Nothing where a name of the class body is needed for a value or read through the class, where the constructor calls
    no super().__init__() of its own, or where it would have to be written for bases that may need arguments.
    """
    statements = [facts.file.statement(value) for value in values]
    lines: list[str] = []
    for statement, value in zip(statements, values, strict=True):
        line = _as_attribute(facts, statement, value)
        if line is None:
            return ()
        lines.append(line)
    removed = tuple(Swap(statement, "") for statement in statements if statement is not None)
    constructor = facts.methods.get("__init__")
    if constructor is None:
        if any(name != _MODULE for name in facts.bases) or not facts.bases or statements[0] is None:
            return ()
        indent = facts.file.module.default_indent
        body = "\n".join(f"{indent}{line}" for line in ["super().__init__()", *lines])
        return (Swap(statements[0], f"def __init__(self):\n{body}", "before"), *removed)
    beginning = _super_call(constructor)
    return (Swap(beginning, "\n".join(lines), "after"), *removed) if beginning is not None else ()


def _as_attribute(facts: ClassFacts, statement: cst.CSTNode | None, value: cst.BaseExpression) -> str | None:
    file = facts.file
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return None
    assign = statement.body[0]
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1 or file.parent(statement) is not facts.node.body:
        return None
    target = assign.targets[0].target
    code = file.code(value)
    if not isinstance(target, cst.Name) or "\n" in code:
        return None
    names = {node.value for node in within(value) if isinstance(node, cst.Name)}
    if names & set(facts.class_body) or _read_through_class(facts, target.value):
        return None
    comment = statement.trailing_whitespace.comment
    return f"self.{target.value} = {code}" + (f"  {comment.value}" if comment is not None else "")


def _read_through_class(facts: ClassFacts, name: str) -> bool:
    wanted = (f"{facts.node.name.value}.{name}", f"cls.{name}")
    return any(node.attr.value == name and dotted(node) in wanted for node in facts.file.nodes(cst.Attribute))


def _super_call(constructor: cst.FunctionDef) -> cst.SimpleStatementLine | None:
    for statement in constructor.body.body:
        if isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[0], cst.Expr):
            call = statement.body[0].value
            if (
                isinstance(call, cst.Call)
                and isinstance(call.func, cst.Attribute)
                and call.func.attr.value == "__init__"
            ):
                return statement
    return None
