"""What a check wants swapped, as edits of the text.

Edits that cannot be placed without changing what other code does (a line before the second of two statements on one
line, before an ``elif``, in a body that stands behind its colon) are not made: the finding then has none.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.file import File
from torchdoctor.facts.positions import line_starts
from torchdoctor.finding import Edit, Span

Places = Mapping[cst.CSTNode, Span]


def edits_of(file: File, swaps: Iterable[Swap], places: Places) -> tuple[Edit, ...]:
    """The edits that all these swaps come to, or none where one of them cannot be made safely."""
    edits = [_edit(file, swap, places) for swap in swaps]
    made = [edit for edit in edits if edit is not None]
    return tuple(made) if len(made) == len(edits) else ()


def anchors(file: File, swap: Swap) -> Iterator[cst.CSTNode]:
    """The nodes whose places ``edits_of`` needs for a swap."""
    yield swap.node
    if swap.where != "instead" and (line := _line(file, swap)) is not None:
        yield line
        if isinstance(line, (cst.FunctionDef, cst.ClassDef)):
            yield from line.decorators[:1]
    elif not swap.text and isinstance(swap.node, cst.BaseSmallStatement):
        above = file.parent(swap.node)
        yield from getattr(above, "body", ())
        if isinstance(above, cst.SimpleStatementLine):
            yield above


def _edit(file: File, swap: Swap, places: Places) -> Edit | None:
    newline = file.module.default_newline
    if swap.where == "instead":
        if not swap.text and isinstance(swap.node, (cst.SimpleStatementLine, cst.BaseSmallStatement)):
            return _removal(file, swap.node, places)
        at = places[swap.node]
        text = swap.text
        if isinstance(swap.node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            first, _, rest = text.partition("\n")
            text = "\n".join([first, textwrap.indent(rest, _indent(file, at))]) if rest else first
        return Edit(at, text.replace("\n", newline))
    line = _line(file, swap)
    if line is None:
        return None
    at = places[line]
    text = textwrap.indent(swap.text, _indent(file, at)).replace("\n", newline)
    if swap.where == "after":
        return _after(file, at, text, newline)
    if isinstance(line, (cst.FunctionDef, cst.ClassDef)) and line.decorators:
        at = places[line.decorators[0]]
    return Edit(Span(at.path, at.line, 1, at.line, 1), text + newline)


def _line(file: File, swap: Swap) -> cst.CSTNode | None:
    """The statement that a new line may stand before or after, in the swap's place; None where there is no such."""
    node = swap.node
    if isinstance(node, cst.BaseSmallStatement):
        above = file.parent(node)
        if not isinstance(above, cst.SimpleStatementLine):
            return None
        if node is not above.body[0 if swap.where == "before" else -1]:
            return None
        return above
    if isinstance(node, cst.If) and isinstance(file.parent(node), cst.If):
        return None  # an elif
    return node if isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)) else None


def _removal(file: File, node: cst.SimpleStatementLine | cst.BaseSmallStatement, places: Places) -> Edit | None:
    """Without the statement: its line goes too, and a body that would be empty keeps a ``pass``."""
    if isinstance(node, cst.BaseSmallStatement):
        above = file.parent(node)
        if not isinstance(above, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            return None
        if len(above.body) > 1:
            return _without_one(list(above.body), node, places)
        if isinstance(above, cst.SimpleStatementSuite):
            return Edit(places[node], "pass")
        node = above
    block = file.parent(node)
    if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
        return Edit(places[node], "pass")
    at = places[node]
    return Edit(Span(at.path, at.line, 1, at.end_line + 1, 1), "")


def _without_one(body: list[cst.BaseSmallStatement], node: cst.BaseSmallStatement, places: Places) -> Edit:
    """One of several statements on a line goes, with the semicolon between it and the next (or the one before)."""
    index = body.index(node)
    at = places[node]
    if index + 1 < len(body):
        start, end = at.start, places[body[index + 1]].start
    else:
        start, end = places[body[index - 1]].end, at.end
    return Edit(Span(at.path, *start, *end), "")


def _after(file: File, at: Span, text: str, newline: str) -> Edit:
    """A new line below the statement's last line (a comment at its end stays with it)."""
    lines = _lines(file.text)
    if at.end_line >= len(lines):  # the last line, which lacks its newline
        end = len(lines[-1]) + 1
        return Edit(Span(at.path, len(lines), end, len(lines), end), newline + text)
    return Edit(Span(at.path, at.end_line + 1, 1, at.end_line + 1, 1), text + newline)


def _indent(file: File, at: Span) -> str:
    return _lines(file.text)[at.line - 1][: at.column - 1]


def _lines(text: str) -> list[str]:
    """Lines as Python's tokenizer counts them: form feeds and Unicode separators end no line."""
    starts = [*line_starts(text), len(text)]
    return [text[start:end].rstrip("\r\n") for start, end in pairwise(starts)]
