"""Texts nested too deeply are told; what passes can be parsed; and ordinary code always passes."""

from __future__ import annotations

import time
from contextlib import suppress

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor.project.nesting import _MOST_ELIFS, _measure, _suspect, too_deep
from torchdoctor.project.stack import deep

CASES = {
    "parentheses": ("(", "1", ")"),
    "brackets": ("[", "1", "]"),
    "braces": ("{1:", "1", "}"),
    "calls": ("f(", "1", ")"),
    "unary": ("-", "1", ""),
    "not": ("not ", "1", ""),
    "sum": ("1+", "1", ""),
    "power": ("1**", "1", ""),
    "and": ("1 and ", "1", ""),
    "attributes": ("", "x", ".a"),
    "subscripts": ("", "x", "[0]"),
    "called": ("", "x", "()"),
    "lambda": ("lambda: ", "1", ""),
    "conditional": ("1 if 1 else ", "1", ""),
    "strings": ("'a' ", "'a'", ""),
    "await": ("await ", "x", ""),
    "f-strings": ('f"{', "1", '}"'),
}


@pytest.mark.parametrize("case", CASES)
def test_what_passes_can_be_parsed_and_what_is_deeper_is_told(case: str) -> None:
    opening, core, closing = CASES[case]
    passed = 0
    for depth in (150, 199, 590, 950, 1900, 5000, 200_000):
        text = f"async def f():\n  x = ({opening * depth}{core}{closing * depth})\n"
        if too_deep(text) is None:
            passed = depth
            deep(lambda: _parsed(text))  # noqa: B023
    assert 150 <= passed < 5000


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("case", [case for case in CASES if case != "f-strings"])
def test_a_line_that_is_continued_is_one_line(case: str, newline: str) -> None:
    opening, core, closing = CASES[case]
    opened = f"{opening}\\{newline}" if opening else ""
    closed = f"\\{newline}{closing}" if closing else ""
    for depth in (150, 5000):
        text = (
            f"async def f():{newline}  x = {opened * depth}{core}{closed * depth}{newline}  # \\{newline}  y{newline}"
        )
        assert (too_deep(text) is None) == (depth == 150), depth


def _parsed(text: str) -> None:
    with suppress(cst.ParserSyntaxError):  # nested f-strings
        assert cst.parse_module(text).code == text


def test_branches_and_blocks() -> None:
    branches = "if x:\n    y\n" + "elif x:\n    y\n" * (_MOST_ELIFS - 1)
    assert too_deep(branches) is None
    deep(lambda: _parsed(branches))
    found = too_deep(branches + "elif x:\n    y\n" * 2)
    assert found is not None and "`elif`" in found[1]


def test_the_line_is_told() -> None:
    assert too_deep("x = 1\n" * 3 + "y = " + "(" * 300 + ")" * 300) == (4, "more than 200 brackets are open")


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "1 + 2, (3, 4), 'a' 'b',\n" * 5000 + "]\n",
        "x = a.b(c)[d] + -1\n" * 5000,
        "'''" + "((((( [[[[ {{{{ ++++ and or not\n" * 2000 + "'''\n",
        "# (((((((((((((((\n" * 2000 + "x\n",
        "x = '(((((((('\n" * 2000,
        "def f():\n    return (x\n        .a()\n        .b())\n" * 2000,
    ],
)
def test_long_code_is_not_deep(text: str) -> None:
    assert too_deep(text) is None


def test_it_takes_little_time() -> None:
    text = "x = [" + "1 + 2, (3, 4), 'a' 'b',\n" * 40_000 + "]\n"
    began = time.process_time()
    too_deep(text)
    assert time.process_time() - began < 5


PIECES = st.sampled_from(["(", ")", "[", "'", '"', "#", "\n", "1+", "x.", "not ", ",", "def f", "'''", "\\", "é"])


@given(st.lists(st.tuples(PIECES, st.sampled_from([1, 3, 150, 2100])), max_size=8))
def test_the_quick_test_never_says_no_to_what_is_too_deep(pieces: list[tuple[str, int]]) -> None:
    text = "".join(piece * times for piece, times in pieces)
    if _measure(text) is not None and "def f" not in text:
        assert _suspect(text.encode())
