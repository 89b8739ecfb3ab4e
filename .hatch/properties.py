"""Writes cached properties out: mypyc asks one anew each time, and keeps no dictionary that its answer could lie in.

Each becomes a property with a place for its answer and a word whether it is there. A class that can let go of them
(facts/remembered.py) is told how.
"""

from __future__ import annotations

import ast

from classes import reworded

DECORATOR = "cached_property"
ROOT = "Remembering"


def written_out(source: str) -> str:
    """The module with its cached properties written out; what stands around their classes stays as it is."""
    return reworded(source, _reword)


def _reword(node: ast.ClassDef) -> bool:
    cached = [item for item in node.body if isinstance(item, ast.FunctionDef) and _is_cached(item)]
    if cached:
        _write_out(node, cached)
    return bool(cached)


def _is_cached(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == DECORATOR for decorator in function.decorator_list)


def _write_out(node: ast.ClassDef, cached: list[ast.FunctionDef]) -> None:
    types = {function.name: ast.unparse(function.returns) for function in cached if function.returns is not None}
    # A truth value takes no place that could be given back.
    lines = [f"__deletable__ = {[f'_kept_{name}' for name, of in types.items() if of != 'bool']}"]
    lines += [f"_has_{name}: bool = False" for name in types]
    for function in cached:
        name, of = function.name, types[function.name]
        lines += [
            f"_kept_{name}: {of}",
            "@property",
            f"def {name}(self) -> {of}:",
            f"    if not self._has_{name}:",
            f"        self._kept_{name} = self._make_{name}()",
            f"        self._has_{name} = True",
            f"    return self._kept_{name}",
            f"@{name}.setter",
            f"def {name}(self, given: {of}) -> None:",
            f"    self._kept_{name} = given",
            f"    self._has_{name} = True",
        ]
        function.name, function.decorator_list = f"_make_{name}", []
    if any(ast.unparse(base) == ROOT for base in node.bases):
        lines += ["def _drop(self, but: tuple[str, ...]) -> list[object]:", "    gone: list[object] = []"]
        for name, of in types.items():
            lines += [f"    if self._has_{name} and '{name}' not in but:", f"        self._has_{name} = False"]
            if of != "bool":
                lines += [f"        gone.append(self._kept_{name})", f"        del self._kept_{name}"]
        lines += ["    return gone"]
    node.body += ast.parse("\n".join(lines)).body
