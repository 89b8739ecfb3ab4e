"""Where nodes stand in the text: worked out only for the nodes that a finding needs.

libcst keeps no positions; they follow from writing the tree out again. This writes it once and remembers the places of
the wanted nodes alone, which costs about one parse for a file with findings and nothing for the others.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import libcst as cst
from libcst._nodes.internal import CodegenState

from torchdoctor.finding import Span

_NEWLINE = re.compile(r"\r\n?|\n")


@dataclass(frozen=False)
class _Recorder(CodegenState):
    wanted: set[cst.CSTNode] = field(default_factory=set)
    places: dict[cst.CSTNode, tuple[int, int, int, int]] = field(default_factory=dict)
    line: int = 1
    column: int = 1
    stack: list[tuple[int, int]] = field(default_factory=list)

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        if "\n" not in value and "\r" not in value:
            self.column += len(value)
            return
        pieces = _NEWLINE.split(value)
        self.line += len(pieces) - 1
        self.column = len(pieces[-1]) + 1

    def pop_trailing_newline(self) -> None:
        """Nothing is written, so there is nothing to take back."""

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.stack.append((self.line, self.column))

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.stack.pop()
        if node in self.wanted and node not in self.places:
            self.places[node] = (*start, self.line, self.column)

    @contextmanager
    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Iterator[None]:
        """The place of a node without the white space and parentheses around it."""
        if node not in self.wanted:
            yield
            return
        self.wanted.update(edge for edge in (start_node, end_node) if edge is not None)
        first = self.line, self.column
        yield
        start = first if start_node is None else self.places[start_node][:2]
        end = (self.line, self.column) if end_node is None else self.places[end_node][2:]
        self.places[node] = (*start, *end)


def locate(module: cst.Module, nodes: Collection[cst.CSTNode], path: str) -> dict[cst.CSTNode, Span]:
    """The spans of these nodes of the module. A node that is not part of it is left out."""
    state = _Recorder(module.default_indent, module.default_newline, wanted=set(nodes))
    module._codegen(state)
    return {node: Span(path, *state.places[node]) for node in nodes if node in state.places}


# What the parser reads and does not keep: a form feed before code, a line that holds only a continuation, a BOM.
_DROPPED = re.compile(r"\A\ufeff|^[ \t\f]*(?:\f|\\[\r\n])", re.MULTILINE)


def in_text(places: dict[cst.CSTNode, Span], module: cst.Module, text: str) -> dict[cst.CSTNode, Span]:
    """Places in the module written out, as places in the text that it was parsed from.

    The two are the same but for the few files with something that the parser drops.
    """
    if not _DROPPED.search(text.replace("\r", "\n")) or (code := module.code) == text:
        return places
    kept = _kept(code, text)
    from_starts, to_starts = line_starts(code), line_starts(text)

    def place(line: int, column: int) -> tuple[int, int]:
        offset = from_starts[line - 1] + column - 1
        offset = kept[offset] if offset < len(kept) else kept[-1] + 1 if kept else 0
        line = bisect_right(to_starts, offset)
        return line, offset - to_starts[line - 1] + 1

    return {node: Span(at.path, *place(*at.start), *place(*at.end)) for node, at in places.items()}


def _kept(code: str, text: str) -> list[int]:
    """For each character of the code, where it stands in the text, of which some characters were dropped."""
    offsets = []
    at = 0
    for character in code:
        while at < len(text) and text[at] != character:
            at += 1
        offsets.append(at)
        at += 1
    return offsets


def line_starts(text: str) -> list[int]:
    """The offset of each line's first character; lines end as Python's tokenizer ends them."""
    return [0, *(found.end() for found in _NEWLINE.finditer(text))]
