"""Finds the rules' pages, and selects rules by name, topic or severity. Loads neither libcst nor torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from torchdoctor.errors import PageError, UnknownRule
from torchdoctor.rule import SEVERITIES, TOPICS, Page, Rule, read_page, read_rule


@lru_cache(maxsize=1)
def folder() -> Path:
    """Where the pages are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "_rules", package.parent / "rules"):
        if candidate.is_dir():
            return candidate
    places = f"neither {package / '_rules'} nor {package.parent / 'rules'} is there"
    raise PageError(f"the rules' pages are missing: {places}; install torchdoctor again")


@lru_cache(maxsize=1)
def rules() -> dict[str, Rule]:
    """All rules by name, in the order of topic and name."""
    found: dict[str, Rule] = {}
    for path in _pages():
        rule = read_rule(path.read_text(encoding="utf-8"), path=str(path), topic=path.parent.name, name=path.stem)
        if rule.name in found:
            raise PageError(f"{path}: the name {rule.name!r} is taken by a rule of topic {found[rule.name].topic}")
        found[rule.name] = rule
    return found


def rule(name: str) -> Rule:
    """The rule of that name. Raises UnknownRule, with the nearest names."""
    try:
        return rules()[name]
    except KeyError:
        raise UnknownRule(f"there is no rule {name!r}{_nearest(name, rules())}") from None


def page(name: str) -> Page:
    """The whole page of a rule. Raises UnknownRule."""
    known = rule(name)
    path = folder() / known.topic / f"{name}.md"
    return read_page(path.read_text(encoding="utf-8"), path=str(path), topic=known.topic, name=name)


def select(chosen: Iterable[str] = (), ignored: Iterable[str] = ()) -> frozenset[str]:
    """Names of the rules that are on. Words are rule names, topics, severities or ``all``.

    With nothing chosen, every rule that is on by default; ``ignored`` is taken away, but a word that names a rule
    exactly beats a word that names a group. Raises UnknownRule.
    """
    chosen, ignored = list(chosen), list(ignored)
    on = set().union(*(expand(word) for word in chosen)) if chosen else {r.name for r in rules().values() if r.default}
    off = set().union(*(expand(word) for word in ignored)) if ignored else set()
    named_on = {word for word in chosen if word in rules()}
    named_off = {word for word in ignored if word in rules()}
    return frozenset((on - off) | (named_on - named_off))


def expand(word: str) -> set[str]:
    """The rules that a word of --select, --ignore or an ignore comment means. Raises UnknownRule."""
    known = rules()
    if word in known:
        return {word}
    if word == "all":
        return set(known)
    if word in TOPICS:
        return {r.name for r in known.values() if r.topic == word and r.default}
    if word in SEVERITIES:
        return {r.name for r in known.values() if r.severity == word and r.default}
    words = [*known, *TOPICS, *SEVERITIES, "all"]
    raise UnknownRule(f"{word!r} is not a rule, a topic, a severity or `all`{_nearest(word, words)}")


def _pages() -> list[Path]:
    return sorted(path for path in folder().glob("*/*.md"))


def _nearest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(words), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else "; `torchdoctor rules` lists them"
