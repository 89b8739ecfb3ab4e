"""Writes records out: what @fixed and @dataclass put together at run time, mypyc has to read.

A record becomes a plain class with the same constructor, the same equality and hash and the same repr.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from classes import reworded

DECORATORS = frozenset({"fixed", "dataclass"})
ROOT = "Value"  # keeps the hash of what is made from it
HASHED = frozenset({ROOT, "Result", "Sequence"})


@dataclass
class Field:
    """``default`` and ``factory`` are code; the constructor takes None for "call the factory"."""

    name: str
    annotation: str
    default: str | None = None
    factory: str | None = None
    compare: bool = True
    repr: bool = True

    @property
    def parameter(self) -> str:
        if self.factory is not None:
            return f"{self.name}: {self.annotation} | None = None"
        return f"{self.name}: {self.annotation}" + (f" = {self.default}" if self.default is not None else "")

    @property
    def given(self) -> str:
        return self.name if self.factory is None else f"{self.factory}() if {self.name} is None else {self.name}"


def written_out(source: str) -> str:
    """The module with its records written out; what stands around them stays as it is."""
    known: dict[str, list[Field]] = {}

    def reword(node: ast.ClassDef) -> bool:
        decorators = [one for one in node.decorator_list if _name(one) in DECORATORS]
        if decorators:
            own = [_field(item) for item in node.body if isinstance(item, ast.AnnAssign)]
            inherited = [field for base in node.bases for field in known.get(ast.unparse(base), ())]
            known[node.name] = inherited + own
            _write_out(node, inherited + own, decorators[0])
        elif node.name == ROOT:
            node.body = [*ast.parse("_hash: int = 0").body]
        return bool(decorators) or node.name == ROOT

    return reworded(source, reword)


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _field(item: ast.AnnAssign) -> Field:
    found = Field(ast.unparse(item.target), ast.unparse(item.annotation))
    if isinstance(item.value, ast.Call) and _name(item.value) == "field":
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in item.value.keywords}
        found.default, found.factory = options.get("default"), options.get("default_factory")
        found.compare, found.repr = options.get("compare") != "False", options.get("repr") != "False"
    elif item.value is not None:
        found.default = ast.unparse(item.value)
    return found


def _write_out(node: ast.ClassDef, fields: list[Field], decorator: ast.expr) -> None:
    options = {o.arg: ast.unparse(o.value) for o in decorator.keywords} if isinstance(decorator, ast.Call) else {}
    compared = [field.name for field in fields if field.compare]
    shown = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in fields if field.repr)
    lines: list[str] = []
    if fields:
        lines.append(f"def __init__(self, {', '.join(field.parameter for field in fields)}) -> None:")
        lines += [f"    self.{field.name}: {field.annotation} = {field.given}" for field in fields]
    lines += ["def __repr__(self) -> str:", f"    return f'{node.name}({shown})'"]
    if options.get("eq") != "False":
        same = "".join(f" and self.{name} == other.{name}" for name in compared)
        lines += ["def __eq__(self, other: object) -> bool:", "    if self is other:", "        return True"]
        lines += [f"    return isinstance(other, {node.name}) and type(self) is type(other){same}"]
        hashed = f"hash(({''.join(f'self.{name}, ' for name in compared)}))"
        if _name(decorator) == "fixed" and node.bases and ast.unparse(node.bases[0]) in HASHED:
            lines += ["def __hash__(self) -> int:", "    if self._hash == 0:", f"        self._hash = {hashed}"]
            lines += ["    return self._hash"]
        elif _name(decorator) == "fixed" or options.get("frozen") == "True":
            lines += ["def __hash__(self) -> int:", f"    return {hashed}"]
    kept = [item for item in node.body if not isinstance(item, ast.AnnAssign)]
    if any(isinstance(item, ast.FunctionDef) and item.name == "__repr__" for item in kept):
        raise SystemExit(f"{node.name} has a __repr__ of its own")
    node.decorator_list.clear()
    node.body = [*ast.parse("\n".join(lines)).body, *kept]
