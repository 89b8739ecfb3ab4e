"""Puts classes of a module in other words, and leaves what stands around them as it is."""

from __future__ import annotations

import ast
from collections.abc import Callable


def reworded(source: str, reword: Callable[[ast.ClassDef], bool]) -> str:
    """The module, with those of its classes put anew that ``reword`` says it changed. It gets them in source order."""
    lines = source.split("\n")
    changed = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and _changes(node, reword)]
    for node in reversed(changed):
        lines[node.lineno - 1 : node.end_lineno] = ast.unparse(node).split("\n")
    return "\n".join(lines)


def _changes(node: ast.ClassDef, reword: Callable[[ast.ClassDef], bool]) -> bool:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    changed = reword(node)
    node.lineno = first  # with the decorators, which may be gone by now
    return changed
