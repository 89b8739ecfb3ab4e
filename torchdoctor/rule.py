"""A rule's page, read: front matter, headings and fenced blocks. Text in, Page out; nothing is run here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchdoctor.errors import PageError

SEVERITIES = ("error", "warning", "note")
FIXES = ("safe", "unsafe", "none")
TOPICS = (
    "training", "evaluation", "grad", "loss", "module", "layout", "shape", "dtype", "device", "memory", "data",
    "speed", "optim", "amp", "distributed", "compile", "checkpoint", "numerics", "reproducibility", "deprecated",
    "security", "lint",
)  # fmt: skip
_REQUIRED = ("summary", "severity", "cure", "fix", "since", "see")
_OPTIONAL = ("torch", "default", "also", "unproven")


@dataclass(frozen=True, slots=True)
class Rule:
    """One ailment, as its page's front matter has it.

    ``default`` is False for a rule that only runs when selected by name; ``torch`` is the range of torch versions
    in which the rule holds ("" means all that are supported).
    """

    name: str
    topic: str
    summary: str
    severity: str
    cure: str
    fix: str
    since: str
    see: str
    torch: str = ""
    default: bool = True
    also: tuple[str, ...] = ()
    unproven: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words after it, its text, and the line (from 1) of its first text line."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def word(self) -> str:
        return self.words[0] if self.words else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page: the rule, its body as Markdown, its headings (level, text, line) and its blocks."""

    rule: Rule
    path: str
    body: str
    headings: tuple[tuple[int, str, int], ...]
    blocks: tuple[Block, ...]


def read_page(text: str, *, path: str, topic: str, name: str) -> Page:
    """Read one page. Raises PageError (with path and line) where it does not keep the form."""
    lines = text.splitlines()
    front, start = _front_matter(lines, path)
    return Page(
        rule=_rule(front, path=path, topic=topic, name=name),
        path=path,
        body="\n".join(lines[start:]).strip() + "\n",
        headings=tuple(_headings(lines, start)),
        blocks=tuple(read_blocks(text, path=path)),
    )


def read_rule(text: str, *, path: str, topic: str, name: str) -> Rule:
    """Read only the front matter: what listing and selecting rules needs."""
    return _rule(_front_matter(text.splitlines(), path)[0], path=path, topic=topic, name=name)


def read_blocks(text: str, *, path: str) -> Iterator[Block]:
    """The fenced blocks of any Markdown text, in order."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opening = re.match(r"^(`{3,})([\w+-]*)[ \t]*(.*)$", lines[number])
        number += 1
        if not opening:
            continue
        fence, language, words = opening.groups()
        first = number
        while number < len(lines) and lines[number].rstrip() != fence:
            number += 1
        if number == len(lines):
            raise PageError(f"{path}:{first}: the block that opens here is never closed; end it with {fence}")
        body = "".join(line + "\n" for line in lines[first:number])
        yield Block(language, tuple(words.split()), body, first + 1)
        number += 1


def _front_matter(lines: list[str], path: str) -> tuple[dict[str, tuple[str, int]], int]:
    if not lines or lines[0].strip() != "---":
        raise PageError(f"{path}:1: a page begins with front matter between two lines of ---")
    front: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines[1:], 2):
        if line.strip() == "---":
            return front, number
        key, colon, value = line.partition(":")
        if not colon or key != key.strip() or not key:
            raise PageError(f"{path}:{number}: front matter is flat `key: value` lines, this is not one: {line!r}")
        if key in front:
            raise PageError(f"{path}:{number}: {key!r} stands twice in the front matter")
        if key not in _REQUIRED + _OPTIONAL:
            raise PageError(f"{path}:{number}: unknown key {key!r}; known: {', '.join(_REQUIRED + _OPTIONAL)}")
        front[key] = (value.strip(), number)
    raise PageError(f"{path}:1: the front matter is never closed; end it with a line of ---")


def _rule(front: dict[str, tuple[str, int]], *, path: str, topic: str, name: str) -> Rule:
    if topic not in TOPICS:
        raise PageError(f"{path}: {topic!r} is not a topic; topics: {', '.join(TOPICS)}")
    missing = [key for key in _REQUIRED if not front.get(key, ("", 0))[0]]
    if missing:
        raise PageError(f"{path}:1: the front matter lacks {', '.join(missing)}")

    def one_of(key: str, allowed: tuple[str, ...], default: str = "") -> str:
        value, line = front.get(key, (default, 1))
        if value not in allowed:
            raise PageError(f"{path}:{line}: {key} is one of {', '.join(allowed)}, not {value!r}")
        return value

    return Rule(
        name=name,
        topic=topic,
        summary=front["summary"][0],
        severity=one_of("severity", SEVERITIES),
        cure=front["cure"][0],
        fix=one_of("fix", FIXES),
        since=front["since"][0],
        see=front["see"][0],
        torch=front.get("torch", ("", 0))[0],
        default=one_of("default", ("on", "off"), "on") == "on",
        also=tuple(front.get("also", ("", 0))[0].replace(",", " ").split()),
        unproven=front.get("unproven", ("", 0))[0],
    )


def _headings(lines: list[str], start: int) -> Iterator[tuple[int, str, int]]:
    fenced = False
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (heading := re.match(r"^(#{1,6}) +(.*)$", line)):
            yield len(heading[1]), heading[2].strip(), number
