"""Bytes of a file to its text and back, as Python reads them: BOM, declared encoding, line endings kept."""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from dataclasses import dataclass

from torchdoctor.errors import TorchdoctorError

# The tree of a file takes about 250 times its bytes.
LARGEST = 2_000_000
_BOM = codecs.BOM_UTF8
_OTHER_BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_NEWLINE = re.compile(rb"\r\n?|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#.*)?$")
# What only Python 2 has, each seen in the line where Python 3 stops.
_PYTHON_2 = re.compile(
    r"""^\s*print\s+[^\s(=.,]      # print "x"
    |^\s*exec\s+["'\w]
    |^\s*except\s+[\w.()\s,]+,\s*\w+\s*:
    |^\s*raise\s+[\w.]+\s*,
    |<>|`[^`]+`
    |\b0[0-7]+\b|\b\d+[lL]\b
    |\b[uU][rR]["']
    |^\s*def\s+\w+\(.*\(\w+(?:,\s*\w+)*,?\s*\)\s*[,)]""",
    re.VERBOSE,
)


class Unreadable(TorchdoctorError):
    """A file that cannot be taken as Python source. ``line`` is where, or 0."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, and what is needed to write it back as it was."""

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    def encode(self, text: str) -> bytes:
        """Another text in this file's encoding. Raises UnicodeEncodeError where the encoding lacks a character."""
        return self.bom + text.encode(self.encoding)


def decode(data: bytes) -> Source:
    """Read bytes as Python does (PEP 263). Raises Unreadable."""
    for mark, name in _OTHER_BOMS.items():
        if data.startswith(mark):
            raise Unreadable(f"the file is {name}; Python source is UTF-8, or declares its encoding")
    if (nul := data.find(b"\0")) >= 0:
        raise Unreadable("the file holds a NUL byte: it is not Python source", _line_of(data, nul))
    bom = _BOM if data.startswith(_BOM) else b""
    body = data[len(bom) :]
    encoding = declared(body)
    if bom and encoding is not None and codecs.lookup(encoding).name != "utf-8":
        raise Unreadable(f"the file begins with a UTF-8 mark but declares the encoding {encoding}", 1)
    try:
        return Source(body.decode(encoding or "utf-8"), encoding or "utf-8", bom)
    except UnicodeDecodeError as error:
        wrong = f"byte 0x{body[error.start]:02x} is not {encoding or 'UTF-8'}"
        if encoding is None:
            wrong += ", and no encoding is declared (a first line `# -*- coding: latin-1 -*-` would do it)"
        raise Unreadable(wrong, _line_of(body, error.start)) from None
    except ValueError as error:
        raise Unreadable(f"the file cannot be decoded as {encoding}: {error}") from None


def text_of(path: str) -> str:
    """A file's text; "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return decode(file.read()).text
    except (OSError, ValueError, Unreadable):
        return ""


def declared(data: bytes) -> str | None:
    """The encoding that a comment on the first two lines declares. Raises Unreadable where it does not exist."""
    for line in _NEWLINE.split(data[:4096], maxsplit=2)[:2]:
        if found := _COOKIE.match(line):
            name = found[1].decode("ascii", "replace")
            try:
                codec = codecs.lookup(name)
            except LookupError:
                raise Unreadable(f"there is no encoding {name!r}", 1) from None
            if not getattr(codec, "_is_text_encoding", True):
                raise Unreadable(f"{name!r} is not an encoding of text", 1)
            return name
        if not _BLANK.match(line):
            return None
    return None


def syntax_failure(text: str, said: str) -> Unreadable:
    """Why a text is not Python, in Python's own words where it refuses the text too.

    ``said`` is what libcst's parser said.
    """
    line, why = _by_python(text)
    if not line:
        found = re.search(r"error at (\d+):", said) or re.search(r"Syntax Error @ (\d+):", said)
        line = int(found[1]) if found else 0
        lines = [part for part in said.splitlines() if part.strip()]
        why = lines[1] if len(lines) > 1 else said
    lines = re.split(r"\r\n?|\n", text)
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if _PYTHON_2.search(shown):
        return Unreadable(f"not Python 3 at line {line}: `{_short(shown)}`", line)
    return Unreadable(f"syntax error at line {line}: {_short(why)}" + (f": `{_short(shown)}`" if shown else ""), line)


def _by_python(text: str) -> tuple[int, str]:
    """Line and message of the running Python's own syntax error; line 0 where it has none to give."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 0, error.msg
    except (ValueError, RecursionError, MemoryError):
        pass
    return 0, ""


def _short(text: str, most: int = 100) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def _line_of(data: bytes, offset: int) -> int:
    return 1 + len(_NEWLINE.findall(data[:offset]))
