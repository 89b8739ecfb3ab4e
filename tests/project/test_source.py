"""Bytes to text and back, and what is said of what is not Python source."""

from __future__ import annotations

import codecs

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor.project.source import Unreadable, decode, syntax_failure

LATIN = "x = 'é'\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (LATIN.encode(), LATIN),
        (codecs.BOM_UTF8 + LATIN.encode(), LATIN),
        (b"# -*- coding: latin-1 -*-\n" + LATIN.encode("latin-1"), "# -*- coding: latin-1 -*-\n" + LATIN),
        (
            b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n\x80",
            "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n€",
        ),
        (b"\n# coding: latin-1\n\xe9", "\n# coding: latin-1\né"),
        (b"# coding: latin-1\r\xe9\r", "# coding: latin-1\ré\r"),
        (b"x = 1\r\n\x0cy = 2\r", "x = 1\r\n\x0cy = 2\r"),
        (codecs.BOM_UTF8 + b"# coding: utf8\nx", "# coding: utf8\nx"),
    ],
)
def test_text_is_read_as_python_reads_it_and_written_back_as_it_was(data: bytes, text: str) -> None:
    source = decode(data)
    assert source.text == text
    assert source.encode(source.text) == data


@pytest.mark.parametrize(
    ("data", "line", "told"),
    [
        (b"x = 1\n" + LATIN.encode("latin-1"), 2, "byte 0xe9 is not UTF-8, and no encoding is declared"),
        (b"x\ny\n# coding: latin-1\n\xe9", 4, "no encoding is declared"),
        (b"x = 1\n# coding: latin-1\n\xe9", 3, "no encoding is declared"),
        (b"# coding: ascii\n\xe9", 2, "byte 0xe9 is not ascii"),
        (b"# coding: klingon\n", 1, "there is no encoding 'klingon'"),
        (b"# coding: rot13\n", 1, "'rot13' is not an encoding of text"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", 1, "begins with a UTF-8 mark but declares the encoding latin-1"),
        (b"x\r\ny\x00\n", 2, "NUL byte"),
        ("x = 1\n".encode("utf-16"), 0, "the file is UTF-16"),
        (codecs.BOM_UTF32_LE + "x".encode("utf-32-le"), 0, "the file is UTF-32"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(data: bytes, line: int, told: str) -> None:
    with pytest.raises(Unreadable, match=told) as raised:
        decode(data)
    assert raised.value.line == line


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    try:
        source = decode(data)
    except Unreadable:
        return
    assert source.encode(source.text) == data or source.encoding != "utf-8"


def failure(text: str) -> Unreadable:
    with pytest.raises(cst.ParserSyntaxError) as raised:
        cst.parse_module(text)
    return syntax_failure(text, str(raised.value))


@pytest.mark.parametrize(
    "line",
    [
        'print "hello"',
        "print x, y",
        'exec "x = 1"',
        'raise ValueError, "x"',
        "x <> y",
        "`x`",
        "x = 0777",
        "x = 10L",
        'x = ur"a"',
        "def f(a, (b, c)): pass",
    ],
)
def test_python_2_is_named(line: str) -> None:
    error = failure(f"import torch\n{line}\n")
    assert str(error) == f"not Python 3 at line 2: `{line}`"
    assert error.line == 2


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("x = 1\ny = (\n", 2, "'(' was never closed: `y = (`"),
        ("x = 1\n    y = 2\n", 2, "unexpected indent"),
        ("def f(:\n", 1, "`def f(:`"),
        ("x = '\n", 1, "unterminated string literal"),
        ("if x:\n\ty\n        z\n", 3, "tabs and spaces"),
    ],
)
def test_a_syntax_error_is_told_in_pythons_words(text: str, line: int, told: str) -> None:
    error = failure(text)
    assert error.line == line
    assert str(error).startswith(f"syntax error at line {line}: ")
    assert told in str(error)


def test_what_only_libcst_refuses_is_told_in_its_words() -> None:
    error = syntax_failure("x = 1\n", "Syntax Error @ 1:1.\nparser error: error at 1:4: expected one of )\n\nx = 1\n^")
    assert str(error) == "syntax error at line 1: parser error: error at 1:4: expected one of ): `x = 1`"
