"""Fingerprints: the same wherever the code goes, another where the code is another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor.finding import Finding, Span
from torchdoctor.fingerprint import Fingerprint, Text, digests

BEFORE = """
import torch

def fit(model, loader):
    for x, y in loader:
        loss = model(x, y)
        loss.backward()
        step()
"""


def places(text: str, code: str) -> Iterator[Span]:
    """Where the code stands in the text, each time."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    at = text.find(code)
    while at >= 0:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        inner = code.count("\n")
        end = len(code) - code.rfind("\n") if inner else column + len(code)
        yield Span("a.py", line, column, line + inner, end)
        at = text.find(code, at + 1)


def prints(text: str, code: str = "loss.backward()") -> list[Fingerprint]:
    reader = Text(text)
    return [reader.fingerprint(Finding("rule", "message", at)) for at in places(text, code)]


def only(text: str, code: str = "loss.backward()") -> Fingerprint:
    (found,) = prints(text, code)
    return found


@pytest.mark.parametrize(
    "after",
    [
        "# a comment\n\n\n" + BEFORE,
        BEFORE.replace("import torch\n", "import torch\n\ndef other():\n    return loss\n"),
        BEFORE.replace("        step", "        # soon:\n\n        step"),
        BEFORE.replace("\n", "\r\n"),
        BEFORE.replace("\n", "\r"),
        textwrap.indent(BEFORE, "    ").replace("    import torch", "if True:\n    import torch"),
    ],
    ids=["lines above", "a function above", "comments between", "windows", "old mac", "indented"],
)
def test_what_moves_is_the_same(after: str) -> None:
    assert only(after) == only(BEFORE)


def test_scope_is_the_classes_and_functions_around_it() -> None:
    method = "    @staticmethod\n    def f():\n        if x:\n            def g(): go()\n        go()\n"
    text = f"class A:\n{method}    go()\ngo()\n"
    assert [found.scope for found in prints(text, "go()")] == ["A.f.g", "A.f", "A", ""]
    assert only(text, "@staticmethod").scope == "A.f"
    tried = "try:\n    pass\nexcept E:\n    def f():\n        match x:\n            case 1:\n                go()\n"
    assert only(tried, "go()").scope == "f"


def test_scope_is_not_known_where_python_cannot_read_the_text() -> None:
    assert only(BEFORE + "def (\n").scope == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(a, b=1)", "f(\n    a,\n    b=1,\n)"),
        ("f(a)[0]", "f( a )[ 0 ]"),
        ("f(a, 'b c')", "f(a,\n  'b c')"),
        ("a + b", "a \\\n    + b"),
        ("a + b", "(\n    a + b  # why\n)"),
        ("best = f(a)", "best = (\n    f(a)\n)"),
        ("loss += a * b", "loss += (a\n * b)"),
        ("return a * b", "return (\n    a * b\n)"),
        ("f(a, '# b')", "f(  # c\n    a,\n    '# b',\n)"),
    ],
)
def test_a_formatter_changes_nothing(one: str, other: str) -> None:
    assert only(f"x = {one}\n", one).code == only(f"x = {other}\n", other).code


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(a)", "f(b)"),
        ("not a", "nota"),
        ("f(a, b)", "f(ab)"),
        ("a.b", "a"),
        ("(a) + (b)", "a) + (b"),
        ("f(a)", "f"),
        ("f('#a')", "f('#b')"),
    ],
)
def test_other_code_is_other(one: str, other: str) -> None:
    assert only(f"{one}\n", one).code != only(f"{other}\n", other).code


def test_of_a_block_only_its_beginning_counts() -> None:
    loop = "for x in xs:\n    a()\n    b()\n"
    longer = "for x in xs:\n    a()\n    c()\n    b()\n"
    assert only(loop, loop) == only(longer, longer)
    assert only(loop, loop).code == "for x in xs:"
    head = "def f(\n    a,\n) -> None:\n    go()\n"
    assert only(head, head).code == "def f(a)->None:"


def test_long_code_is_cut_and_still_told_apart() -> None:
    one, other = (f"f({', '.join(f'argument_{n}' for n in range(40))}, {last})" for last in "ab")
    assert len(only(one, one).code) <= 120
    assert only(one, one).code != only(other, other).code


def test_a_place_that_is_not_in_the_text_is_no_error() -> None:
    for at in (None, Span("a.py", 9, 1, 9, 4), Span("a.py", 1, 50, 1, 60), Span("a.py", 0, 0, 0, 0)):
        assert Text("x\n").fingerprint(Finding("rule", "m", at)).rule == "rule"


LINES = st.lists(
    st.sampled_from(["x = 1", "def f():", "    go()", "class A:", "", '"""', "    # c", "\\", "é\ud800", "("])
)


@given(LINES, st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.integers(1, 9))
def test_no_text_is_an_error(lines: list[str], line: int, column: int, more: int, end: int) -> None:
    at = Span("a.py", line, column, line + more, end)
    first, again = (Text("\n".join(lines)).fingerprint(Finding("rule", "m", at)) for _ in range(2))
    assert first == again
    assert list(digests([Finding("rule", "m", at)], lambda path: "\n".join(lines)))


def test_likeness() -> None:
    one = Fingerprint("rule", "code", "A.fit", "up", "down")
    assert one.likeness(one) == 6
    assert one.likeness(Fingerprint("other", "code", "A.fit", "up", "down")) == 0
    assert one.likeness(Fingerprint("rule", "more", "A.fit", "up", "down")) == 0
    assert one.likeness(Fingerprint("rule", "code", "B.fit", "x", "y")) == 2, "only the class has another name"
    assert one.likeness(Fingerprint("rule", "code", "A.train", "up", "y")) == 1
    assert one.likeness(Fingerprint("rule", "code", "A.train", "x", "y")) == 0
    assert Fingerprint("rule", "code", "f").likeness(Fingerprint("rule", "code", "g")) == 0, "two ends of a file"


def test_digests_are_apart_and_stay() -> None:
    text = BEFORE + BEFORE.replace("fit", "fit2") + BEFORE.replace("fit(", "fit3(").replace("step()", "loss.backward()")
    found = [Finding("rule", "m", at) for at in places(text, "loss.backward()")]
    first = list(digests(found, lambda path: text))
    assert len(found) == 4 and len(set(first)) == 4 and all(len(each) == 32 for each in first)
    moved = "# x\n" * 7 + text
    again = [Finding("rule", "other words", at) for at in places(moved, "loss.backward()")]
    assert list(digests(again, lambda path: moved)) == first
    assert len(set(digests([Finding("rule", "a", None), Finding("rule", "b", None)], lambda path: ""))) == 2
