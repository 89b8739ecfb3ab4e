"""The outline of a module against the scopes of the whole: the same names, bound the same way."""

from __future__ import annotations

import sys

import libcst as cst
import pytest

from tests.facts.real_files import ALL, SOME, id_of, text_of
from tests.facts.test_tree import SYNTAX
from torchdoctor.facts.file import File
from torchdoctor.facts.outline import outline

FORMS = {
    "imports": "import a\nimport a.b, c.d as e\nfrom a import b as f, g\n",
    "relative imports": "from . import h\nfrom .i import j\nfrom ..k import l\nfrom ....m import n\n",
    "stars": "from a import *\nfrom .b import *\nfrom . import *\n",
    "branches": "try:\n    import a\nexcept ImportError as e:\n    a = None\nelse:\n    b = 1\nfinally:\n    c = 2\n",
    "loops": "for a, (b, *c) in x:\n    d = 1\nelse:\n    e = 2\nwhile x:\n    import f\n",
    "with": "with a as b, c as (d, [e]):\n    from f import g\n",
    "assignments": "a = b = 1\nc, (d, *e) = x\nf: int = 3\ng: int\nh += 1\ni.j = 4\nk[0] = 5\ndel a, (b)\n",
    "functions": "def a(b, c=1):\n    d = 2\n    import e\nasync def i(): pass\n@j\ndef k(): pass\n",
    "classes": "class F(g):\n    h = 1\n    import e\n",
    "global": "def a():\n    global b\n    b = 1\n",
    "global elsewhere": "def a(c): global b; b = c\ndef d(e):\n    if e: global f\n    f = e\rdef g():\r\tglobal h\r\th = 1\r",  # noqa: E501
    "walrus": "if (a := b) and [c := d for e in f]:\n    pass\n",
    "match": "match x:\n    case [a, *b] | {'k': a, **b}:\n        c = 1\n    case d if (e := 2):\n        pass\n",
    "match of classes": "match x:\n    case A(f=g) as h:\n        pass\n    case _:\n        pass\n",
    "all": "__all__ = ['a', \"b\"]\n",
    "all put together": "__all__ = ['a']\n__all__ += ['b']\n",
    "all of parts": "__all__ = ['a'] + b\n",
    "all by branches": "if x:\n    __all__ = ['a']\nelse:\n    __all__ = []\n",
    "syntax": SYNTAX,
}  # fmt: skip


def compare(text: str) -> None:
    file = File(text, "pkg/sub/mod.py", module_name="pkg.sub.mod")
    found = outline(text.encode(), "pkg.sub.mod", False)
    if found is None and sys.version_info < (3, 12):
        pytest.skip("the syntax is of Python 3.12")
    assert found is not None
    bindings = file.scopes.module.bindings
    shared = {item.name.value for statement in file.nodes(cst.Global) for item in statement.names}
    for name, bound in bindings.items():
        imports = [b for b in bound if b.kind == "import"]
        if name in shared:  # bound from within functions, in whatever way: no import of it is followed
            assert name in found.others
            continue
        if name == "*":
            bases = [file.names.of_import(b.node) for b in imports]
            assert found.stars == [base for base in bases if base is not None]
            continue
        assert (name in found.others) is (len(imports) < len(bound)), name
        targets = [target for b in imports if (target := file.names.of_import(b.node)) is not None]
        assert found.imports.get(name, []) == targets, name
    assert {*found.imports, *found.others} - shared <= {*bindings}
    assert found.declared == file.declared


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form(text: str) -> None:
    compare(text)


@pytest.mark.parametrize("path", SOME, ids=id_of)
def test_real_files(path: str) -> None:
    compare(text_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=id_of)
def test_many_real_files(path: str) -> None:
    compare(text_of(path))


def test_names_of_a_package_are_its_own() -> None:
    found = outline(b"from .a import b\nfrom . import c\nfrom ..d import e\n", "pkg.sub", True)
    assert found is not None
    assert found.imports == {"b": ["pkg.sub.a.b"], "c": ["pkg.sub.c"], "e": ["pkg.d.e"]}


@pytest.mark.parametrize("data", [b"print 'x'", b"(" * 500, b"x\0", b"\xff", b"# coding: klingon\nx", b"-" * 100_000])
def test_what_cannot_be_parsed_has_none(data: bytes) -> None:
    assert outline(data, "m", False) is None


def test_the_encoding_that_is_declared_counts() -> None:
    found = outline("# coding: latin-1\né = 1\n".encode("latin-1"), "m", False)
    assert found is not None and found.others == {"é"}
