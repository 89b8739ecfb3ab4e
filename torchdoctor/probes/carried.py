"""Which names a loop carries from one turn to the next: those that its body reads before it writes them."""

from __future__ import annotations

import ast
import types

from torchdoctor.probes.source import Sources

_LOOPS = (ast.For, ast.While, ast.AsyncFor)


def carried(sources: Sources, link: types.TracebackType) -> frozenset[str]:
    """The names that are carried into the turn of the loops around the line that a frame is at."""
    path = link.tb_frame.f_code.co_filename
    found: set[str] = set()
    for loop in sources.around(path, link.tb_lineno):
        if isinstance(loop, _LOOPS):
            found |= carried_into(loop)
    return frozenset(found)


def carried_into(loop: ast.For | ast.While | ast.AsyncFor) -> set[str]:
    """The names that this one loop carries into its next turn."""
    first: dict[str, bool] = {}  # whether the first thing that happens to a name is that it is read
    if not isinstance(loop, ast.While):
        for node in ast.walk(loop.target):
            if isinstance(node, ast.Name):
                first[node.id] = False
    for name, read in (event for statement in loop.body for event in _events(statement)):
        first.setdefault(name, read)
    return {name for name, read in first.items() if read}


def _events(node: ast.AST) -> list[tuple[str, bool]]:
    """What happens to names in the order of evaluation: (name, whether it is read)."""
    if isinstance(node, ast.Name):
        return [(node.id, isinstance(node.ctx, ast.Load))]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return []
    if isinstance(node, ast.Assign):
        parts: list[ast.AST] = [node.value, *node.targets]
    elif isinstance(node, ast.AugAssign):
        read = [(node.target.id, True)] if isinstance(node.target, ast.Name) else []
        return [*read, *_events(node.value), *_events(node.target)]
    elif isinstance(node, ast.AnnAssign):
        parts = [*([node.value] if node.value is not None else []), node.target]
    else:
        parts = list(ast.iter_child_nodes(node))
    return [event for part in parts for event in _events(part)]
