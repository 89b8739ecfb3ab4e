"""Is a text nested so deeply that parsing it could exhaust the stack, or take minutes?

The parser recurses in native code, where a stack that overflows ends the process, and long chains of operators take it
time that grows with their square. So both are measured before it starts. Python itself allows 200 open brackets.
"""

from __future__ import annotations

import re
import sys

_MOST_OPEN = 200
# Python 3.12 lets native code recurse 1,500 levels at most, whatever the stack; each link takes two of them.
_LONGEST_CHAIN = 600 if sys.version_info[:2] == (3, 12) else 2000
_MOST_ELIFS = 600 if sys.version_info[:2] == (3, 12) else 3000
_TOKEN = re.compile(
    r"""(?P<skip>\#[^\r\n]*
        | '{3}(?:[^\\]|\\.)*?'{3} | "{3}(?:[^\\]|\\.)*?"{3}
        | '(?:[^'\\\r\n]|\\.)*' | "(?:[^"\\\r\n]|\\.)*")
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<joined>\\(?:\r\n?|\n)) | (?P<end>[,;]|\r\n?|\n)
    | (?P<link>[-+*/%@|&^~.<>] | \b(?:and|or|not|if|else|for|lambda|await)\b)""",
    re.VERBOSE | re.DOTALL,
)
# Lines that no bracket and no expression reaches across: what is measured lies between two of them.
_STATEMENT = re.compile(rb"\n[ \t]*(?:def|class|return|import|raise|while|try|assert|del|async)\b")
_NOT_OPEN = bytes(set(range(256)) - set(b"([{"))
_NO_LINK = bytes(set(range(256)) - set(b"-+*/%@|&^~.<>([{\"'"))
_WORDS = (b"and", b"or", b"not", b"if", b"else", b"lambda", b"await")


def too_deep(text: str) -> tuple[int, str] | None:
    """The line where it becomes too much, and what there is too much of; None for any text that can be parsed."""
    if text.count("elif") > _MOST_ELIFS:
        return 1, f"more than {_MOST_ELIFS} `elif` branches"
    stretches = _STATEMENT.split(text.encode("utf-8", "replace").replace(b"\r", b"\n"))
    return _measure(text) if any(map(_suspect, stretches)) else None


def _suspect(stretch: bytes) -> bool:
    """A quick test of the text between two statements: it may say yes for nothing, never no to what is too deep."""
    if len(stretch) <= _MOST_OPEN:
        return False
    if len(stretch.translate(None, _NOT_OPEN)) > _MOST_OPEN:
        return True
    if len(stretch) < _LONGEST_CHAIN:
        return False
    return len(stretch.translate(None, _NO_LINK)) + sum(map(stretch.count, _WORDS)) > _LONGEST_CHAIN


def _measure(text: str) -> tuple[int, str] | None:
    chains = [0]  # for each open bracket, the links of the expression that is being read in it
    total = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            chains.append(0)
            if len(chains) > _MOST_OPEN + 1:
                return _place(text, token.start()), f"more than {_MOST_OPEN} brackets are open"
        elif kind == "close" and len(chains) > 1:
            total -= chains.pop()
            chains[-1] += 1
            total += 1
        elif kind == "end":
            if token[0] in ",;" or len(chains) == 1:
                total -= chains[-1]
                chains[-1] = 0
        elif kind == "link" or (kind == "skip" and token[0][0] != "#"):
            chains[-1] += 1
            total += 1
        if total > _LONGEST_CHAIN:
            return _place(text, token.start()), f"an expression of more than {_LONGEST_CHAIN} operators and strings"
    return None


def _place(text: str, offset: int) -> int:
    return 1 + len(re.findall(r"\r\n?|\n", text[:offset]))
