"""What a finding is known by when its line number has changed: the rule, the code, where it stands, what is around it.

Nothing here counts lines. Code that moves, lines that come before it and a formatter that breaks it anew leave ``rule``
and ``code`` as they are; ``scope``, ``above`` and ``below`` tell equal code in different places apart.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from torchdoctor.finding import Finding, Span

_NEWLINE = re.compile(r"\r\n?|\n")
_BLOCK = re.compile(r"(?:async|class|def|elif|else|except|finally|for|if|match|try|while|with)\b")
_STRING_OR_COMMENT = re.compile(
    r"""(?P<string>\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\#[^\n]*"""
)
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``code`` is what the finding points at, less its white space; ``scope`` the names of the classes and functions
    around it, as ``Trainer.fit``; ``above`` and ``below`` are digests of the nearest lines of code, "" where none is.
    """

    rule: str
    code: str = ""
    scope: str = ""
    above: str = ""
    below: str = ""

    def likeness(self, other: Fingerprint) -> int:
        """How sure it is that two of the same code are the same finding. 0: nothing around them is the same."""
        if self.rule != other.rule or self.code != other.code:
            return 0
        score = (self.above == other.above != "") + (self.below == other.below != "")
        if self.scope == other.scope:
            return score + 4
        same_name = self.scope.rpartition(".")[2] == other.scope.rpartition(".")[2]  # its class has another name
        return score + 2 * same_name


class Text:
    """One file's text, to take the fingerprints of its findings from."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = _NEWLINE.split(text)

    def fingerprint(self, finding: Finding) -> Fingerprint:
        """Of a finding that has no place, or whose place is not in the text, the rule is all that is known."""
        at = finding.at
        if at is None or not 0 < at.line <= at.end_line <= len(self.lines):
            return Fingerprint(finding.rule)
        code, last = self._code(at)
        above = self._nearest(range(at.line - 2, -1, -1))
        return Fingerprint(finding.rule, code, self._scope(at.line), above, self._nearest(range(last, len(self.lines))))

    def _code(self, at: Span) -> tuple[str, int]:
        """What the finding points at, and the last line of that. Of a loop or a function, the line that begins it."""
        lines = self.lines[at.line - 1 : at.end_line]
        lines[-1] = lines[-1][: at.end_column - 1]
        lines[0] = lines[0][at.column - 1 :]
        if len(lines) > 1 and _BLOCK.match(lines[0]):
            head = next((n for n, line in enumerate(lines, 1) if line.rstrip().endswith(":")), 1)
            lines = lines[:head]
        code = _plain("\n".join(lines))
        if len(code) > _LONGEST:
            code = f"{code[: _LONGEST - 20]}...{digest(code)}"
        return code, at.line + len(lines) - 1

    def _nearest(self, numbers: Iterable[int]) -> str:
        for number in numbers:
            line = self.lines[number].strip()
            if line and not line.startswith("#"):
                return digest(_plain(line))
        return ""

    def _scope(self, line: int) -> str:
        around = [(first, name) for first, last, name in self._scopes if first <= line <= last]
        return max(around)[1] if around else ""

    @cached_property
    def _scopes(self) -> list[tuple[int, int, str]]:
        """First line, last line and full name of each class and function; none where Python cannot read the text."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return list(_named(ast.parse(self.text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []


def digests(findings: Iterable[Finding], text_of: Callable[[str], str]) -> Iterator[str]:
    """A name for each finding, 32 hexadecimal digits, no two the same and the same from run to run.

    It goes with the rule, the path, the scope and the code; of those that share all that, with their order.
    """
    texts: dict[str, Text] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for finding in findings:
        path = finding.at.path if finding.at else ""
        if path not in texts:
            texts[path] = Text(text_of(path) if path else "")
        known = texts[path].fingerprint(finding)
        parts = known.rule, PurePath(path).as_posix(), known.scope, known.code or finding.message
        seen[parts] += 1
        yield digest(*parts, str(seen[parts]), size=16)


def _plain(code: str) -> str:
    """Code without comments, and what a formatter puts in: white space, trailing commas, outer parentheses."""
    code = _STRING_OR_COMMENT.sub(lambda found: found["string"] or "", code)
    code = re.sub(r"\s+", " ", re.sub(r"\\\s*\n", " ", code)).strip()
    code = re.sub(r" ?([^\w\s]) ?", r"\1", code)
    code = re.sub(r",(?=[)\]}])", "", code)
    head, tail = "", code
    if found := re.search(r"(?:^(?:return|yield)|=)(?=\()", code):
        head, tail = code[: found.end()], code[found.end() :]
    while (inner := _in_parentheses(tail)) is not None:
        head, tail = head + " " * head.endswith(("return", "yield")), inner
    return head + tail


def _in_parentheses(code: str) -> str | None:
    """What stands between the parentheses around it; None where the first and the last are no pair, or are none."""
    depth = 0
    for at, character in enumerate(code):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return code[1:at] if at and at == len(code) - 1 else None
    return None


def digest(*parts: str, size: int = 4) -> str:
    """So many bytes of a digest, as hexadecimal digits."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=size).hexdigest()


def _named(module: ast.Module) -> Iterator[tuple[int, int, str]]:
    waiting: list[tuple[ast.AST, str]] = [(module, "")]
    while waiting:
        node, name = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{name}.{node.name}" if name else node.name
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield first, node.end_lineno or node.lineno, name
        waiting += [(inner, name) for inner in _statements(node)]


def _statements(node: ast.AST) -> Sequence[ast.AST]:
    parts = ("body", "orelse", "finalbody", "handlers", "cases")
    inner = [getattr(node, part, ()) for part in parts]
    return [each for part in inner if isinstance(part, list) for each in part]
