"""Which line asks for what runs now: the innermost one outside torch, and the innermost one of the user's own code."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from functools import lru_cache
from types import FrameType

from torchdoctor.finding import Span
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.source import Sources

Line = tuple[str, int]  # a file's path, and the line in it

# What runs the user's code, and is not what the user asks about.
MACHINERY = frozenset({"torch", "torchdoctor", "python", "_pytest", "pluggy"})


def asking(frame: FrameType | None = None) -> tuple[Line | None, Line | None]:
    """The innermost line outside torch, and the innermost one of the user's own; None where there is none."""
    inner: Line | None = None
    here = frame or sys._getframe(1)
    while here is not None:
        package = package_of(here.f_code.co_filename)
        if package not in MACHINERY:
            line = here.f_code.co_filename, here.f_lineno
            inner = inner or line
            if not package:
                return inner, line
        here = here.f_back  # type: ignore[assignment]
    return inner, None


def owner(frame: FrameType | None = None) -> str:
    """The package of the code that calls torch right here; "" for the user's own."""
    here = frame or sys._getframe(1)
    while here is not None and package_of(here.f_code.co_filename) == "torchdoctor":
        here = here.f_back  # type: ignore[assignment]
    return package_of(here.f_code.co_filename) if here is not None else ""


@lru_cache(maxsize=1024)
def span(line: Line | None) -> Span | None:
    """A line as a place: its code, from the first character to the last."""
    if line is None:
        return None
    path, number = line
    text = linecache.getline(path, number).rstrip()
    begin = len(text) - len(text.lstrip()) + 1
    return Span(path, number, begin, number, max(len(text), begin) + 1)


_SWITCHES = re.compile(r"no_grad|inference_mode|set_grad_enabled")


def turned_off(frame: FrameType | None = None) -> Span | None:
    """The line of the running code that has turned gradients off: a `with` around it, or a function's decorator."""
    here = frame or sys._getframe(1)
    sources = Sources()
    while here is not None:
        path = here.f_code.co_filename
        if package_of(path) not in MACHINERY:
            sources.know(path, here.f_globals)
            for node in reversed(sources.around(path, here.f_lineno)):
                if isinstance(node, (ast.With, ast.AsyncWith)):
                    if any(_SWITCHES.search(ast.unparse(item.context_expr)) for item in node.items):
                        return span((path, node.lineno))
            first = linecache.getline(path, here.f_code.co_firstlineno)
            if first.lstrip().startswith("@") and _SWITCHES.search(first):
                return span((path, here.f_code.co_firstlineno))
        here = here.f_back  # type: ignore[assignment]
    return None
