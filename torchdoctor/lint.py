"""Text to findings, and findings to mended text. Pure: reads no files, knows no options, keeps no state."""

from __future__ import annotations

import gc
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import libcst as cst

from torchdoctor.check import Check, Found, Swap, checks_for
from torchdoctor.facts.file import File
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.finding import Edit, Finding, Mark, Span

_NO_WORDS: frozenset[str] = frozenset()


def lint(
    text: str,
    path: str = "<string>",
    *,
    rules: Iterable[str],
    module_name: str | None = None,
    neighbours: Neighbours | None = None,
) -> list[Finding]:
    """All findings of these rules in one file's text, in order of place.

    Comments that suppress are not looked at here. Raises libcst.ParserSyntaxError where the text is not Python.
    """
    checks = [check for check in checks_for(rules) if not check.words or any(word in text for word in check.words)]
    if not checks or "torch" not in text and "lightning" not in text:
        return []
    with _uncollected():
        file = File(text, path, module_name=module_name, neighbours=neighbours)
        return examine(file, checks)


def examine(file: File, checks: Sequence[Check]) -> list[Finding]:
    """Run these checks over a file that is parsed already."""
    pairs = [(check, found) for check in checks for argument in _arguments(file, check) for found in check.run(file, argument)]
    return _findings(file, pairs)


def relevant(data: bytes, rules: Iterable[str]) -> bool:
    """Whether any of these rules could find anything in a file with these bytes: a cheap test before parsing."""
    if b"torch" not in data and b"lightning" not in data:
        return False
    return any(not check.words or any(word.encode() in data for word in check.words) for check in checks_for(rules))


def mend(text: str, findings: Iterable[Finding]) -> str:
    """The text with the findings' edits made. Of two findings whose edits overlap only the first is mended."""
    starts = _line_starts(text)

    def offset(line: int, column: int) -> int:
        return starts[min(line, len(starts)) - 1] + column - 1

    chosen: list[tuple[int, int, str]] = []
    for finding in findings:
        edits = [(offset(*edit.at.start), offset(*edit.at.end), edit.text) for edit in finding.edits]
        if all(_apart(edit, other) for edit in edits for other in chosen):
            chosen.extend(edit for edit in edits if edit not in chosen)
    for start, end, new in sorted(chosen, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _apart(edit: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    """Two edits may both be made: they touch different text, or they are the same edit."""
    return edit == other or edit[1] <= other[0] and edit[:2] != other[:2] or other[1] <= edit[0] and edit[:2] != other[:2]


def _line_starts(text: str) -> list[int]:
    starts = [0]
    index = 0
    while index < len(text):
        character = text[index]
        index += 1
        if character == "\r" and text[index : index + 1] == "\n":
            index += 1
        if character in "\r\n":
            starts.append(index)
    return starts


def _arguments(file: File, check: Check) -> Iterator[object]:
    if check.kind == "call":
        yield from file.calls(*check.triggers)
    elif check.kind == "method":
        for method in check.triggers:
            yield from file.calls_by_method.get(method, ())
    elif check.kind == "node":
        for kind in check.triggers:
            yield from file.nodes(kind)
    elif check.kind == "module_class":
        yield from file.classes.modules
    elif check.kind == "flow":
        yield from file.flows.touching(check.words)
    else:
        yield file


def _findings(file: File, pairs: list[tuple[Check, Found]]) -> list[Finding]:
    if not pairs:
        return []
    wanted: dict[File, list[cst.CSTNode]] = {file: []}
    for _, found in pairs:
        wanted[file].append(found.node)
        wanted[file].extend(swap.node for swap in found.swaps)
        for mark in found.marks:
            wanted.setdefault(mark[2] if len(mark) == 3 else file, []).append(mark[0])
    places = {owner: owner.locate(nodes) for owner, nodes in wanted.items()}
    findings = {_finding(file, check, found, places) for check, found in pairs}
    return sorted(findings, key=lambda finding: finding.sort_key)


def _finding(file: File, check: Check, found: Found, places: dict[File, dict[cst.CSTNode, Span]]) -> Finding:
    marks = []
    for mark in found.marks:
        owner = mark[2] if len(mark) == 3 else file
        marks.append(Mark(places[owner][mark[0]], mark[1]))
    return Finding(
        rule=check.rule,
        message=found.message,
        at=places[file][found.node],
        marks=tuple(marks),
        evidence=found.evidence,
        edits=tuple(_edit(file, swap, places[file]) for swap in found.swaps),
    )


def _edit(file: File, swap: Swap, places: dict[cst.CSTNode, Span]) -> Edit:
    at = places[swap.node]
    if swap.where == "instead":
        if swap.text or not isinstance(swap.node, cst.SimpleStatementLine):
            return Edit(at, swap.text)
        return Edit(Span(at.path, at.line, 1, at.end_line + 1, 1), "")
    newline = file.module.default_newline
    indent = " " * (at.column - 1)
    lines = _lines(file.text)
    if at.line <= len(lines):
        indent = lines[at.line - 1][: at.column - 1]
    text = textwrap.indent(swap.text, indent).replace("\n", newline)
    if swap.where == "before":
        return Edit(Span(at.path, at.line, 1, at.line, 1), text + newline)
    return _after(at, text, newline, lines)


def _after(at: Span, text: str, newline: str, lines: list[str]) -> Edit:
    """A new line below the statement's last line (a comment at its end stays with it)."""
    if at.end_line >= len(lines):  # the last line, which may lack its newline
        end = len(lines[at.end_line - 1]) + 1 if at.end_line <= len(lines) else at.end_column
        return Edit(Span(at.path, at.end_line, end, at.end_line, end), newline + text)
    return Edit(Span(at.path, at.end_line + 1, 1, at.end_line + 1, 1), text + newline)


def _lines(text: str) -> list[str]:
    """Lines as Python's tokenizer counts them: form feeds and Unicode separators end no line."""
    starts = [*_line_starts(text), len(text) + 1]
    return [text[a : b - 1].rstrip("\r\n") if b <= len(text) else text[a:] for a, b in zip(starts, starts[1:])]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Parsing makes many objects and no garbage: without the collector it takes a fifth less time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
