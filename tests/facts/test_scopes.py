"""Scopes against Python's own symbol tables: which scope binds which names, and where a read finds them."""

from __future__ import annotations

import ast
import symtable
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator

import libcst as cst
import pytest

from tests.facts.real_files import ALL, SOME, id_of, text_of
from torchdoctor.facts.scopes import Scope, Scopes
from torchdoctor.facts.tree import Tree

PROGRAM = """
import a.b, c.d as e
from f import g, h as i
from .j import *
GLOBAL: int = 1
bare: int

@deco(where := 1)
class K(Base, meta=M):
    field = [inner for inner in outer_iterable if field]
    def method(self, p, /, q=GLOBAL, *r, s: T = 1, **t) -> U:
        global made_global
        made_global = 1
        local = lambda x, y=p: (x, y, z)
        def nested():
            nonlocal local, late
            local = 2
            late += 1
        for late in p: pass
        with open(p) as (m, [n, *o]), k: pass
        try: pass
        except E as error: del error
        if (walrus := 1) and [w2 := v for v in p]: pass
        return {dk: dv for dk, dv in p}, {sx for sx in p}, (gx for gx in p for gy in gx)
    @property
    def other(self): return __class__
match subject:
    case {"k": capture, **rest} if capture: pass
    case [first, *others] | (first as others): pass
    case Class(attr=inside) as whole: pass
async def coroutine():
    async with x as y: pass
    async for z in y: await z
    return [u async for u in y]
x = y = 0
(p, q), [r, *s] = t[0], t.u = value
x += 1
for i in range(3): total = i
else: done = 1
while n := next(it): pass
del x, (y, bare)
"""


def their_scopes(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each scope's name, and the names that it binds; `global` in a function binds in the module."""
    top = symtable.symtable(text, "a.py", "exec")
    tables = list(_all(top, ""))
    made_global = {
        symbol.get_name()
        for table, _ in tables
        for symbol in table.get_symbols()
        if symbol.is_declared_global() and (symbol.is_assigned() or symbol.is_imported())
    }
    for table, klass in tables:
        own = {
            _unmangled(symbol.get_name(), klass)
            for symbol in table.get_symbols()
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_parameter() or symbol.is_annotated()
            if symbol.is_local() or table is top
        }
        if table is top:
            own |= made_global
        yield table.get_name(), frozenset(n for n in own - MADE if not n.startswith("."))


def _unmangled(name: str, klass: str) -> str:
    prefix = f"_{klass.lstrip('_')}"
    return name.removeprefix(prefix) if klass and name.startswith(f"{prefix}__") else name


def _all(table: symtable.SymbolTable, klass: str) -> Iterator[tuple[symtable.SymbolTable, str]]:
    """The tables of functions, classes and the module, with the class whose private names they mangle."""
    klass = table.get_name() if table.get_type() == "class" else klass
    if str(table.get_type()).rpartition(".")[2].lower() in ("module", "function", "class"):
        yield table, klass
    for child in table.get_children():
        yield from _all(child, klass)


# Made by the compiler, as is the iterable `.0` of a comprehension.
MADE = {"__class__", "__classdict__", "__conditional_annotations__"}
UNNAMED: dict[type, str] = {
    cst.Module: "top", cst.Lambda: "lambda", cst.ListComp: "listcomp", cst.SetComp: "setcomp",
    cst.DictComp: "dictcomp", cst.GeneratorExp: "genexpr",
}  # fmt: skip

INLINED = (cst.ListComp, cst.SetComp, cst.DictComp)  # PEP 709


def our_scopes(scopes: Scopes) -> Iterator[tuple[str, frozenset[str]]]:
    tree = scopes.tree
    for node in tree.order:
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            name = node.name.value
        elif type(node) in UNNAMED:
            name = UNNAMED[type(node)]
        else:
            continue
        yield name, frozenset(scopes.inner(node).bindings) - {"*", *MADE}


def compare(text: str) -> None:
    tree = Tree(cst.parse_module(text))
    if sys.version_info >= (3, 12) and any(isinstance(node, INLINED) for node in tree.order):
        pytest.skip("this Python's symtable shows comprehensions as part of the scope around them")
    ours = Counter(our_scopes(Scopes(tree)))
    theirs = Counter(their_scopes(text))
    assert ours == theirs


def test_every_way_to_bind_a_name() -> None:
    compare(PROGRAM)


@pytest.mark.parametrize("path", SOME, ids=id_of)
def test_real_files(path: str) -> None:
    compare(text_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=id_of)
def test_many_real_files(path: str) -> None:
    compare(text_of(path))


# -- where a read finds its binding ------------------------------------------------------------------------------------


def find(text: str, name: str = "x") -> tuple[Scope, list[str]] | None:
    """Where the read `READ(x)` of a text finds the name."""
    tree = Tree(cst.parse_module(textwrap.dedent(text)))
    scopes = Scopes(tree)
    (call,) = [c for c in tree.nodes(cst.Call) if isinstance(c.func, cst.Name) and c.func.value == "READ"]
    found = scopes.find(name, call.args[0].value)
    return (found[0], [b.kind for b in found[1]]) if found else None


@pytest.mark.parametrize(
    ("text", "kind", "bound"),
    [
        ("x = 1\nREAD(x)", cst.Module, ["assign"]),
        ("x = 1\ndef f(): READ(x)", cst.Module, ["assign"]),
        ("x = 1\ndef f(x): READ(x)", cst.FunctionDef, ["parameter"]),
        ("x = 1\ndef f(a=READ(x)): x = 2", cst.Module, ["assign"]),
        ("x = 1\ndef f(a: READ(x)): x = 2", cst.Module, ["assign"]),
        ("x = 1\n@READ(x)\ndef f(): x = 2", cst.Module, ["assign"]),
        ("x = 1\nclass A(READ(x)): x = 2", cst.Module, ["assign"]),
        ("class A:\n    x = 1\n    READ(x)", cst.ClassDef, ["assign"]),
        ("x = 0\nclass A:\n    x = 1\n    def f(self): READ(x)", cst.Module, ["assign"]),
        ("x = 0\nclass A:\n    x = 1\n    def f(self, a=READ(x)): pass", cst.ClassDef, ["assign"]),
        ("x = 0\nclass A:\n    x = 1\n    y = [READ(x) for y in z]", cst.Module, ["assign"]),
        ("x = 0\nclass A:\n    x = 1\n    y = [y for y in READ(x)]", cst.ClassDef, ["assign"]),
        ("x = 1\ny = [x for x in READ(x)]", cst.Module, ["assign"]),
        ("x = 1\ny = [READ(x) for x in x]", cst.ListComp, ["loop"]),
        ("x = 1\ny = [x for y in z for x in READ(x)]", cst.ListComp, ["loop"]),
        ("x = 1\nf = lambda x: READ(x)", cst.Lambda, ["parameter"]),
        ("x = 1\nf = lambda x=READ(x): x", cst.Module, ["assign"]),
        ("def f():\n    global x\n    READ(x)\ndef g():\n    global x\n    x = 1", cst.Module, ["assign"]),
        ("x = 1\ndef f():\n    x = 2\n    def g():\n        global x\n        READ(x)", cst.Module, ["assign"]),
        (
            "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    READ(x)",
            cst.FunctionDef,
            ["assign"] * 2,
        ),
        (
            "def f():\n    def g():\n        nonlocal x\n        x = 2\n    for x in y: READ(x)",
            cst.FunctionDef,
            ["assign", "loop"],
        ),
        ("def f():\n    if [x := 1 for y in z]: READ(x)", cst.FunctionDef, ["assign"]),
        ("import x.y\nREAD(x)", cst.Module, ["import"]),
        ("try: import x\nexcept ImportError: x = None\nREAD(x)", cst.Module, ["import", "assign"]),
        ("match v:\n    case {**x}: READ(x)", cst.Module, ["match"]),
        ("with a as (x, y): READ(x)", cst.Module, ["with"]),
    ],
)
def test_where_a_read_finds_its_binding(text: str, kind: type, bound: list[str]) -> None:
    ast.parse(text)  # the example itself is Python
    found = find(text)
    assert found is not None
    assert type(found[0].node) is kind
    assert found[1] == bound


@pytest.mark.parametrize(
    "text",
    [
        "READ(x)",
        "def f(): x = 1\nREAD(x)",
        "class A:\n    x = 1\n    def f(self): READ(x)",
        "y = [x for x in z]\nREAD(x)",
        "def f(x): pass\nREAD(x)",
        "import a.x\nREAD(x)",
        "import x as y\nREAD(x)",
    ],
)
def test_where_nothing_binds_the_name(text: str) -> None:
    assert find(text) is None


def test_what_is_assigned_is_known_only_where_it_goes_to_the_name_whole() -> None:
    tree = Tree(cst.parse_module("x = 1\n(y, z) = w = f()\nv: int = 2\nu: int\nt += 3\n(s := 4)\nfor r in q: pass\n"))
    module = Scopes(tree).module
    values = {
        name: tree.module.code_for_node(b[0].value) if b[0].value else None for name, b in module.bindings.items()
    }
    expected = {"x": "1", "y": None, "z": None, "w": "f()", "v": "2", "u": None, "t": None, "s": "4", "r": None}
    assert values == expected


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_a_type_alias_binds_its_name() -> None:
    found = find("type x = int\nREAD(x)")
    assert found is not None and found[1] == ["assign"]
