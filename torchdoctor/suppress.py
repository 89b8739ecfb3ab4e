"""Comments that suppress: `# torchdoctor: ignore[rule, topic]`, `# torchdoctor: ignore`, `# torchdoctor: skip-file`.

A comment counts for what is found on its line; on the first or the last line of a statement, for the whole statement.
On a line of its own it counts for the statement below it, decorators included. Comments are found by Python's
tokenizer: a string that holds such text is no comment. One that suppresses nothing, or names nothing that is known, is
itself a finding, of the rule ``unused-suppression``.
"""

from __future__ import annotations

import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from torchdoctor import catalogue
from torchdoctor.errors import UnknownRule
from torchdoctor.finding import Edit, Finding, Span

RULE = "unused-suppression"
_MARK = "torchdoctor:"
_COMMENT = re.compile(r"#[ \t]*torchdoctor:[ \t]*(?P<verb>[\w-]*)[ \t]*(?P<list>\[[^\]#]*\]?)?[^#]*", re.IGNORECASE)
_LAYOUT = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
_NEWLINE = re.compile(r"\r\n?|\n")
_Used = set[tuple["Comment", str]]


@dataclass(frozen=True)
class Comment:
    """One such comment: ``words`` is None where it is bare, ``fault`` says what is wrong with it.

    It covers what is found from line ``covers[0]`` to ``covers[1]``; ``statement`` are the first and last line of the
    statement that it stands in.
    """

    at: Span
    verb: str
    words: tuple[str, ...] | None
    fault: str
    covers: tuple[int, int]
    statement: tuple[int, int]

    def suppresses(self, finding: Finding) -> Iterator[str]:
        """The words that cover the finding; "" for a bare comment."""
        if self.verb == "ignore" and finding.at is not None and self._meets(finding.at):
            if self.words is None:
                yield ""
            for word in self.words or ():
                if finding.rule in _meaning(word):
                    yield word

    def _meets(self, at: Span) -> bool:
        if self.covers[0] <= at.line <= self.covers[1]:
            return True
        return self.statement[0] <= at.line <= self.at.line <= at.end_line <= self.statement[1]


class Suppressions:
    """The comments of one text, read when they are first asked for."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        return tuple(_read(self.text, self.path)) if _MARK in self.text.lower() else ()

    @property
    def skips_file(self) -> bool:
        """Whether the file asks not to be looked at; then it need not even be Python."""
        return any(comment.verb == "skip-file" and not comment.fault for comment in self.comments)

    def apply(self, findings: Iterable[Finding], ran: frozenset[str]) -> list[Finding]:
        """What remains of the findings, and what is unused among the comments, in order of place.

        ``ran`` are the rules that were looked for: only of those can it be known that a comment is not needed.
        """
        if not self.comments:
            return list(findings)
        if self.skips_file:
            return []
        used: _Used = set()
        left = []
        for finding in findings:
            words = {(comment, word) for comment in self.comments for word in comment.suppresses(finding)}
            used |= words
            if not words:
                left.append(finding)
        if RULE in ran:
            for comment in self.comments:
                for finding in _unused(comment, used, ran, self.text):
                    if not any(any(other.suppresses(finding)) for other in self.comments):
                        left.append(finding)
        return sorted(left, key=lambda finding: finding.sort_key)


def _meaning(word: str) -> set[str]:
    try:
        return catalogue.expand(word)
    except UnknownRule:
        return set()


# -- what is unused ----------------------------------------------------------------------------------------------------


def _unused(comment: Comment, used: _Used, ran: frozenset[str], text: str) -> Iterator[Finding]:
    if comment.fault:
        yield Finding(RULE, comment.fault, comment.at)
        return
    if comment.words is None:
        if (comment, "") not in used and catalogue.select() <= ran:
            yield Finding(RULE, "the comment suppresses nothing", comment.at, edits=_without(comment, (), text))
        return
    idle = []
    for word in comment.words:
        meant = _meaning(word)
        if not meant:
            yield Finding(RULE, _unknown(word), comment.at)
        elif (comment, word) not in used and RULE not in meant and meant <= ran:
            idle.append(word)
    if idle:
        message = f"the comment suppresses no finding of {' or '.join(f'`{word}`' for word in idle)}"
        rest = tuple(word for word in comment.words if word not in idle)
        yield Finding(RULE, message, comment.at, edits=_without(comment, rest, text))


def _unknown(word: str) -> str:
    try:
        catalogue.expand(word)
    except UnknownRule as error:
        return f"the comment names what is not there: {str(error).rstrip('?')}"
    return f"no rule of `{word}` is on by default: the comment suppresses nothing"


def _without(comment: Comment, rest: Sequence[str], text: str) -> tuple[Edit, ...]:
    """The comment taken away, with its line where it has one of its own; or only its idle words."""
    at = comment.at
    line = _NEWLINE.split(text)[at.line - 1]
    if rest:
        said = line[at.column - 1 : at.end_column - 1]
        return (Edit(at, re.sub(r"\[[^\]]*\]", f"[{', '.join(rest)}]", said, count=1)),)
    before, behind = line[: at.column - 1], line[at.end_column - 1 :]
    if not before.strip() and not behind.strip():
        return (Edit(Span(at.path, at.line, 1, at.line + 1, 1), ""),)
    if not before.strip():
        start, end = at.column, at.end_column + len(behind) - len(behind.lstrip())
    else:
        start, end = len(before.rstrip()) + 1, at.end_column
    return (Edit(Span(at.path, at.line, start, at.line, end), ""),)


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(text: str, path: str) -> Iterator[Comment]:
    lines = _NEWLINE.split(text)
    statements, comments = _tokens(lines)
    for line, column, said in comments:
        alone = not lines[line - 1][:column].strip()
        covers, statement = _reach(line, alone, statements, lines)
        for found in _COMMENT.finditer(said):
            start = column + found.start() + 1
            at = Span(path, line, start, line, start + len(found[0].rstrip()))
            yield Comment(at, *_parsed(found["verb"].lower(), found["list"]), covers, statement)


def _parsed(verb: str, listed: str | None) -> tuple[str, tuple[str, ...] | None, str]:
    """The verb, the words of its list, and what is wrong with the comment ("" where nothing is)."""
    if verb not in ("ignore", "skip-file"):
        return verb, None, f"`{_MARK} {verb}` means nothing; `ignore`, `ignore[rule, topic]` and `skip-file` do"
    if listed is None:
        return verb, None, ""
    if verb == "skip-file":
        return verb, None, "`skip-file` is for all rules, and a list stands behind it"
    words = tuple(word for word in re.split(r"[\s,]+", listed.strip("[]")) if word)
    if not listed.endswith("]"):
        return verb, (), "the list of the comment is never closed"
    return verb, words, "" if words else "the list of the comment is empty"


def _tokens(lines: Sequence[str]) -> tuple[list[tuple[int, int]], list[tuple[int, int, str]]]:
    """First and last line of each statement; and of each comment its line, its column from 0 and its text.

    Of a text that is not Python, as much as can be read.
    """
    statements: list[tuple[int, int]] = []
    comments: list[tuple[int, int, str]] = []
    # Python 3.13's tokenizer may give a token for a null byte and leave its error to strike whoever is called next.
    rest = (line + "\n" for line in takewhile(lambda line: "\0" not in line, lines))
    first = 0
    try:
        for kind, said, start, _, _ in tokenize.generate_tokens(lambda: next(rest, "")):
            if kind == tokenize.COMMENT and _MARK in said.lower():
                comments.append((*start, said))
            if kind in (tokenize.NEWLINE, tokenize.ENDMARKER):
                if first:
                    statements.append((first, start[0]))
                first = 0
            elif kind not in _LAYOUT and not first:
                first = start[0]
    except (tokenize.TokenError, SyntaxError):
        pass
    return statements, comments


def _reach(
    line: int, alone: bool, statements: Sequence[tuple[int, int]], lines: Sequence[str]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The lines that a comment covers, and the statement that it stands in (only its own line, where in none)."""
    index = bisect_right(statements, (line, len(lines) + 1)) - 1
    first, last = statements[index] if index >= 0 else (0, 0)
    if first <= line <= last:
        if line in (first, last):
            return (first, last), (first, last)
        return (line, _below(line, lines) if alone else line), (first, last)
    below = _below(line, lines)
    if not alone or index + 1 >= len(statements) or statements[index + 1][0] != below:
        return (line, line), (line, line)
    index += 1
    while lines[statements[index][0] - 1].lstrip().startswith("@") and index + 1 < len(statements):
        index += 1
    return (below, statements[index][1]), (line, line)


def _below(line: int, lines: Sequence[str]) -> int:
    """The next line that is not a comment of its own."""
    below = line + 1
    while below <= len(lines) and lines[below - 1].lstrip().startswith("#"):
        below += 1
    return below
