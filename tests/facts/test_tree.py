"""The index against libcst's own walk: the same nodes, in the same order, with the same parents."""

from __future__ import annotations

import libcst as cst
import pytest

from tests.facts.real_files import ALL, SOME, id_of, text_of
from torchdoctor.facts.tree import Tree, children, within

SYNTAX = """
@decorated(1)
class A[T](Base[int], metaclass=Meta):
    x: int = field(default=1)
    async def f(self, a, /, b: "B" = 2, *args: int, c=3, **kwargs) -> "C":
        global g
        async with open(a) as (b, c), d: await b
        async for i, *j in k: continue
        else: pass
        return [x async for x in y if x if not x]
try:
    raise E(1) from None
except (A, B) as e: del e, f[0], g.h
else: x = y = (1, 2)
finally: x += 1
match command.split():
    case [A(x=1, y=[2, *_]), {"k": v, **rest}] | None if v > 1: x = 1 if y else 2
    case -1 | 1 + 2j | str() as s: assert s, "no"
with (a as b, c): print(f"{x!r:>{width}} {y=}", b"1" b"2", *z, **{**d, "k": 1, 2: {3}})
lambda a, /, *b, c=1, **d: (yield)
x[1:2, ..., ::3] = a @ b if not c and d or e in f is not g else (h := i) // ~j
{k: v for k, v in x}, {i for i in (j for j in k)}
from .. import a as b, c
import d.e as f, g.h
from i import *
type Alias = int
while True: break
def outer():
    nonlocal_ = 1
    def inner():
        nonlocal nonlocal_
"""
# What only says how the code is laid out, and what stands in type parameters, is not in the index.
LEFT_OUT = (
    cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.Newline, cst.Comment, cst.EmptyLine, cst.Comma,
    cst.Colon, cst.Semicolon, cst.Dot, cst.AssignEqual, cst.LeftParen, cst.RightParen, cst.LeftSquareBracket,
    cst.RightSquareBracket, cst.LeftCurlyBrace, cst.RightCurlyBrace, cst.Asynchronous, cst.TypeParameters,
    cst.BitOr,
)  # fmt: skip


class Walk(cst.CSTVisitor):
    """libcst's own walk: nodes in source order, and parents."""

    def __init__(self) -> None:
        self.order: list[cst.CSTNode] = []
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.above: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, LEFT_OUT) and not (
            isinstance(node, cst.BitOr) and isinstance(self.above[-1], cst.BinaryOperation)
        ):
            return False
        self.order.append(node)
        if self.above:
            self.parents[node] = self.above[-1]
        self.above.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self.above and self.above[-1] is original_node:
            self.above.pop()


def compare(text: str) -> None:
    module = cst.parse_module(text)
    walk, tree = Walk(), Tree(module)
    module.visit(walk)
    assert [type(n).__name__ for n in tree.order] == [type(n).__name__ for n in walk.order]
    assert list(tree.order) == walk.order
    assert tree.parents == walk.parents
    assert list(within(module)) == walk.order
    assert sorted(tree.order.values()) == list(range(len(walk.order)))
    for kind in {type(node) for node in walk.order}:
        assert tree.nodes(kind) == [node for node in walk.order if type(node) is kind]


def test_every_kind_of_syntax_is_walked_in_source_order() -> None:
    compare(SYNTAX)


@pytest.mark.parametrize("path", SOME, ids=id_of)
def test_real_files(path: str) -> None:
    compare(text_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=id_of)
def test_many_real_files(path: str) -> None:
    compare(text_of(path))


def test_ancestors_and_enclosing() -> None:
    tree = Tree(cst.parse_module("class A:\n    def f(self):\n        return [x for x in self.y]\n"))
    (attribute,) = tree.nodes(cst.Attribute)
    kinds = [type(node).__name__ for node in tree.ancestors(attribute)]
    assert kinds[:3] == ["CompFor", "ListComp", "Return"] and kinds[-3:] == ["IndentedBlock", "ClassDef", "Module"]
    assert tree.enclosing(attribute, cst.FunctionDef) is tree.nodes(cst.FunctionDef)[0]
    assert tree.enclosing(attribute, cst.ClassDef, cst.FunctionDef) is tree.nodes(cst.FunctionDef)[0]
    assert tree.enclosing(attribute, cst.While) is None
    assert tree.parent(tree.module) is None


def test_children_are_direct() -> None:
    call = cst.ensure_type(cst.parse_expression("f(a, b)[0]"), cst.Subscript)
    assert [type(node) for node in children(call)] == [cst.Call, cst.SubscriptElement]
    assert list(children(cst.Name("x"))) == []


def test_text_of_any_depth_is_walked() -> None:
    deep = "x = " + "(" * 60 + "1" + ")" * 60 + "\ny = " + " + ".join(["1"] * 900) + "\n"
    tree = Tree(cst.parse_module(deep))
    assert len(tree.nodes(cst.BinaryOperation)) == 899
