"""The line at which a name of the user's code is fed: ``losses.append(loss)``, ``total += loss``."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FEEDING = frozenset({"append", "appendleft", "extend", "add", "insert", "update", "setdefault"})


def line_of(name: str, function: str, lines: Sequence[str]) -> tuple[int, str]:
    """The line, from 1, and its text; 0 and "" where none is found.

    ``name`` is as the program writes it, "self.seen", "stats['x']", or with the numbers of a Sequential, "net.0.seen".
    ``function`` is the one that it is a local name of, "" for a global; ``lines`` are those of its file.
    """
    try:
        tree = ast.parse("".join(lines))
        wanted = ast.parse(re.sub(r"\.(\d+)\b", r"[\1]", name.replace("[...]", "")), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return 0, ""
    best = (0, 0)
    for body in _scopes(tree, function, by_attribute="." in name):
        again = _run_again(body)
        for node in ast.walk(body):
            if isinstance(node, (ast.Call, ast.stmt)) and (rank := _feeds(node, wanted)):
                if rank > 1 or id(node) in again:
                    best = max(best, (rank, -node.lineno))
    number = -best[1]
    return (number, lines[number - 1].strip()) if number else (0, "")


def _scopes(tree: ast.Module, function: str, *, by_attribute: bool) -> Sequence[ast.AST]:
    """Where the name may be fed: its own function; an attribute or a global anywhere in the file."""
    own = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) and node.name == function]
    return [tree] if by_attribute or not own else own


def _run_again(body: ast.AST) -> set[int]:
    """What a program comes back to: loops, and functions other than constructors. Elsewhere a name only begins."""
    parts = [
        node
        for node in ast.walk(body)
        if isinstance(node, _LOOPS) or (isinstance(node, _FUNCTIONS) and node is not body and node.name != "__init__")
    ]
    return {id(node) for part in parts for node in ast.walk(part)}


def _feeds(node: ast.AST, wanted: ast.expr) -> int:
    """How surely this feeds it: 3 a call that adds to it, 2 what adds to itself, 1 an assignment; else 0."""
    if isinstance(node, ast.Call):
        function = node.func
        if not isinstance(function, ast.Attribute) or function.attr not in _FEEDING:
            return 0
        inner = function.value.value if isinstance(function.value, ast.Subscript) else function.value
        return 3 if _same(function.value, wanted) or _same(inner, wanted) else 0
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
