"""Places against libcst's own provider, and against the text itself."""

from __future__ import annotations

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcst.metadata import MetadataWrapper, PositionProvider

from tests.facts.real_files import ALL, SOME, id_of, text_of
from tests.facts.test_tree import SYNTAX
from torchdoctor.facts.positions import in_text, line_starts, locate
from torchdoctor.facts.tree import Tree
from torchdoctor.finding import Span

LAYOUTS = {
    "CRLF": "import torch\r\n\r\nif x:\r\n    f(  # why\r\n        torch.ones(1),\r\n    )\r\n",
    "CR": "import torch\rif x:\r    f(1)\r",
    "tabs": "if x:\n\tf(1)\n\tif y:\n\t\tg(2)\n",
    "form feed": "\x0cx = f(1)\n\x0c\n\x0cdef g():\n    return f(2)\n",
    "wide": "é = '日本' + f('x')  # ü\ny = '''\n𝔘\n'''; f(é)\n",
    "no newline": "if x:\n    f(1)",
    "continued": "x = f(1) \\\n    + g(2)\nwith a as b, \\\n     c as d: f(x)\n",
    "parentheses": "x = ((f)(((1))))\ny = (  # c\n  a\n  + b\n)\nreturn_ = (yield)\n",
    "semicolons": "a = 1; b = 2 ; f(a)\nif x: f(1); g(2)\n",
    "decorated": "@a\n\n@b(1)\n# c\nasync  def f (x) :\n  # d\n  pass\n# e\n",
    "separators": "x = 'a\u2028b\u0085c'; f(x)\n",
    "empty": "",
    "comment only": "# nothing",
    "indented comment": "if x:\n    # c\n    f(1)\n  # d\ng(2)\n",
    "docstring": '"""A\n\tB"""\nf(1)\n',
    "bom": "\ufeffx = f(1)\ng(x)\n",
    "lone continuation": "x = 1\n\\\ny = f(x)\ng(y)\n",
}


def compare(text: str) -> None:
    """Every node that the index knows, against libcst: its columns count from 0."""
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    nodes = list(Tree(wrapper.module).order)[1:]  # the module itself has no place worth showing
    theirs = wrapper.resolve(PositionProvider)
    ours = locate(wrapper.module, nodes, "a.py")
    for node in nodes:
        at = theirs[node]
        expected = Span("a.py", at.start.line, at.start.column + 1, at.end.line, at.end.column + 1)
        assert ours[node] == expected, f"{type(node).__name__}: {wrapper.module.code_for_node(node)!r}"


def test_every_kind_of_syntax() -> None:
    compare(SYNTAX)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(text: str) -> None:
    compare(text)


@pytest.mark.parametrize("path", SOME, ids=id_of)
def test_real_files(path: str) -> None:
    compare(text_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=id_of)
def test_many_real_files(path: str) -> None:
    compare(text_of(path))


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_the_text_at_a_place_is_the_node(text: str) -> None:
    module = cst.parse_module(text)
    tree = Tree(module)
    starts = line_starts(text)
    found = in_text(locate(module, tree.nodes(cst.Name), "a.py"), module, text)
    assert len(found) == len(tree.nodes(cst.Name))
    for node, at in found.items():
        begin, end = starts[at.line - 1] + at.column - 1, starts[at.end_line - 1] + at.end_column - 1
        assert isinstance(node, cst.Name) and text[begin:end] == node.value


@given(st.sets(st.integers(0, 200)))
def test_asking_for_some_gives_the_same_as_asking_for_all(chosen: set[int]) -> None:
    module = cst.parse_module(SYNTAX)
    nodes = list(Tree(module).order)
    everything = locate(module, nodes, "a.py")
    some = [node for index, node in enumerate(nodes) if index in chosen]
    assert locate(module, some, "a.py") == {node: everything[node] for node in some}


def test_a_node_of_another_module_is_left_out() -> None:
    assert locate(cst.parse_module("x = 1\n"), [cst.Name("x")], "a.py") == {}


def test_the_statement_ends_before_its_comment() -> None:
    module = cst.parse_module("x = f(1)  # c\n")
    (line,) = Tree(module).nodes(cst.SimpleStatementLine)
    assert locate(module, [line], "a.py")[line] == Span("a.py", 1, 1, 1, 9)
