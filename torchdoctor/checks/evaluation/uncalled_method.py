"""Finds methods of models, optimizers, schedulers, scalers and losses that are named as a statement and not called.

Silent inside a `try` that asks whether the attribute is there, and for a property of a class of the project.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_node
from torchdoctor.facts.effects import FUNCTIONS, METHODS, NEEDS_ARGUMENTS
from torchdoctor.facts.file import File


@on_node(cst.Expr, words=(*METHODS, *(name.rpartition(".")[2] for name in FUNCTIONS)))
def check(file: File, statement: cst.Expr) -> Iterator[Found]:
    for node in _named(statement.value):
        name = node.attr.value
        full = file.name(node) or ""
        outcome = FUNCTIONS.get(full) if full.startswith("torch.") else METHODS.get(name)
        if outcome is None or _is_meant(file, statement) or _is_property(file, node):
            continue
        shown = file.code(node)
        shown = shown if len(shown) < 60 and "\n" not in shown else f"...{name}"
        swap = () if name in NEEDS_ARGUMENTS else (Swap(node, f"{file.code(node)}()"),)
        yield Found(node, f"`{shown}` is named and not called: {outcome}", swaps=swap)


def _named(value: cst.BaseExpression) -> Iterator[cst.Attribute]:
    """The attributes that are all there is in a statement: alone, in a choice, or in a row of expressions."""
    if isinstance(value, cst.Attribute):
        yield value
    elif isinstance(value, cst.IfExp):
        yield from (*_named(value.body), *_named(value.orelse))
    elif isinstance(value, cst.Tuple):
        for element in value.elements:
            yield from _named(element.value)
    elif isinstance(value, cst.BooleanOperation):
        yield from _named(value.right)


def _is_meant(file: File, statement: cst.Expr) -> bool:
    """Whether naming is the purpose: to see if the attribute is there, or as a comment for another linter says."""
    line = file.parent(statement)
    comment = line.trailing_whitespace.comment if isinstance(line, cst.SimpleStatementLine) else None
    if comment is not None and "noqa" in comment.value:
        return True
    above = next((a for a in file.ancestors(statement) if isinstance(a, (cst.Try, cst.FunctionDef))), None)
    return isinstance(above, cst.Try) and any(_catches_attribute_error(handler) for handler in above.handlers)


def _catches_attribute_error(handler: cst.ExceptHandler) -> bool:
    kinds = handler.type.elements if isinstance(handler.type, cst.Tuple) else [handler.type]
    names = [kind.value if isinstance(kind, cst.Element) else kind for kind in kinds]
    return any(isinstance(name, cst.Name) and name.value == "AttributeError" for name in names)


def _is_property(file: File, node: cst.Attribute) -> bool:
    for facts in file.classes:
        method = facts.methods.get(node.attr.value)
        if method is not None and any("property" in file.code(d.decorator) for d in method.decorators):
            return True
    return False
