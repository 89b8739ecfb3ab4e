"""The line at which a name of the user's code is fed: ``losses.append(loss)``, ``total += loss``."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator

_FEEDING = frozenset({"append", "appendleft", "extend", "add", "insert", "update", "setdefault"})


def line_of(name: str, function: str, path: str) -> tuple[int, str]:
    """The line and its text; 0 and "" where none is found. ``name`` is a holder's: "self.seen", "stats['x']"."""
    lines = linecache.getlines(path)
    try:
        tree = ast.parse("".join(lines))
        wanted = ast.parse(name.replace("[...]", ""), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return 0, ""
    best = (0, 0)
    for body, inside in _scopes(tree, function, by_attribute="." in name):
        for node in ast.walk(body):
            if isinstance(node, (ast.Call, ast.stmt)) and (rank := _feeds(node, wanted)):
                best = max(best, (rank + inside, -node.lineno))
    number = -best[1]
    return (number, lines[number - 1].strip()) if number else (0, "")


def _scopes(tree: ast.Module, function: str, *, by_attribute: bool) -> Iterator[tuple[ast.AST, int]]:
    """Where the name may be fed: its own function; an attribute or a global anywhere in the file."""
    if function and not by_attribute:
        own = [
            node
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == function
        ]
        yield from ((node, 4) for node in own)
        return
    yield tree, 0


def _feeds(node: ast.AST, wanted: ast.expr) -> int:
    """How surely this feeds it: 3 a call that adds to it, 2 what adds to itself, 1 an assignment in a loop; else 0."""
    if isinstance(node, ast.Call):
        function = node.func
        adds = isinstance(function, ast.Attribute) and function.attr in _FEEDING and _same(function.value, wanted)
        return 3 if adds else 0
    if isinstance(node, ast.AugAssign):
        target = node.target.value if isinstance(node.target, ast.Subscript) else node.target
        return 3 if _same(node.target, wanted) or _same(target, wanted) else 0
    if isinstance(node, ast.Assign):
        for target in node.targets:
            parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            for part in parts:
                if isinstance(part, ast.Subscript) and _same(part.value, wanted):
                    return 3
                if _same(part, wanted):
                    return 2 if any(_same(one, wanted) for one in ast.walk(node.value)) else 1
    return 0


def _same(node: ast.AST, wanted: ast.expr) -> bool:
    """Whether it is that name. Of an attribute only the last part counts: one object has many names."""
    if isinstance(wanted, ast.Attribute):
        return isinstance(node, ast.Attribute) and node.attr == wanted.attr
    if isinstance(wanted, ast.Subscript):
        if not isinstance(node, ast.Subscript):
            return False
        return _same(node.value, wanted.value) and ast.unparse(node.slice) == ast.unparse(wanted.slice)
    return isinstance(node, ast.Name) and isinstance(wanted, ast.Name) and node.id == wanted.id
