"""How a check is written.

A check is a generator function in ``torchdoctor/checks/<topic>/<name>.py``, decorated with what it wants to see::

    @on_call("torch.nn.functional.dropout")
    def check(file: File, call: cst.Call) -> Iterator[Found]:
        if file.argument(call, 2, "training") is None and not file.has_star(call):
            yield Found(call, "dropout stays on in evaluation: `training` is not passed")

The file's name is the rule's name; nothing else registers it. A module may hold several decorated functions.
``words`` say which words must stand in a file for the check to have anything to find there: a file with none of them is
not even parsed. The decorators work them out from their own triggers where they can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import libcst as cst

from torchdoctor.detectors import found_in, rule_of
from torchdoctor.facts.file import File


@dataclass(frozen=True, slots=True)
class Swap:
    """Source text put instead of a node, or on lines of its own before or after a statement.

    The text of an insertion is unindented; ``where`` is "instead", "before" or "after". An empty text instead of a
    statement removes its line.
    """

    node: cst.CSTNode
    text: str
    where: str = "instead"


@dataclass(frozen=True, slots=True)
class Found:
    """What a check yields: the node to blame, what is so there, the other places that matter, and the mending.

    ``message`` is one line, names what is in this code, gives no advice and makes sense alone. ``marks`` may point into
    other files: then the third item of the tuple is that File.
    """

    node: cst.CSTNode
    message: str
    marks: tuple[tuple[cst.CSTNode, str] | tuple[cst.CSTNode, str, File], ...] = ()
    swaps: tuple[Swap, ...] = ()
    evidence: tuple[str, ...] = ()


Run = Callable[[File, Any], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Check:
    """A decorated function: which rule it finds, what it is called with, and the words that must be there."""

    rule: str
    run: Run
    kind: str
    triggers: tuple[Any, ...]
    words: frozenset[str]


def on_call(*names: str, words: Iterable[str] = ()) -> Callable[[Run], Check]:
    """For each call of one of these canonical full names ("torch.no_grad")."""
    found = frozenset(words) or frozenset(name.rpartition(".")[2] for name in names)
    return lambda run: Check(rule_of(run), run, "call", names, found)


def on_method(*methods: str, words: Iterable[str] = ()) -> Callable[[Run], Check]:
    """For each call `x.method(...)`, whatever x is: the check asks what it is."""
    return lambda run: Check(rule_of(run), run, "method", methods, frozenset(words) or frozenset(methods))


def on_node(*kinds: type[cst.CSTNode], words: Iterable[str]) -> Callable[[Run], Check]:
    """For each node of exactly one of these classes, in files where one of the words stands."""
    return lambda run: Check(rule_of(run), run, "node", kinds, frozenset(words))


def on_module_class(words: Iterable[str] = ("Module", "LightningModule", "PreTrainedModel")) -> Callable[[Run], Check]:
    """For each class of the file that is an nn.Module: called with its facts.classes.ModuleClass."""
    return lambda run: Check(rule_of(run), run, "module_class", (), frozenset(words))


def on_flow(*, words: Iterable[str]) -> Callable[[Run], Check]:
    """For each function, and for the module's own body: called with its facts.flow.Flow."""
    return lambda run: Check(rule_of(run), run, "flow", (), frozenset(words))


def on_file(*, words: Iterable[str]) -> Callable[[Run], Check]:
    """Once a file: called with the file itself, twice over."""
    return lambda run: Check(rule_of(run), run, "file", (), frozenset(words))


@lru_cache(maxsize=1)
def all_checks() -> tuple[Check, ...]:
    """Every check there is, found by importing ``torchdoctor.checks.*.*``; in the order of module names."""
    import torchdoctor.checks as package

    return found_in(package, Check)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of all checks, each with the names and the other texts that it looks for; and all of these, the short ones
    first, which stand in most files."""

    of: tuple[Check, ...]
    checks: tuple[tuple[Check, frozenset[bytes], frozenset[bytes]], ...]
    words: tuple[bytes, ...]


_CHOSEN: dict[frozenset[str], Chosen] = {}  # one run asks for the same rules in every file


def checks_for(rules: frozenset[str]) -> Chosen:
    """The checks of these rules."""
    every = all_checks()
    known = _CHOSEN.get(rules)
    if known is None or known.of is not every:
        checks = tuple((check, *_parted(check.words)) for check in every if check.rule in rules)
        words = sorted({word for _, names, texts in checks for word in names | texts}, key=len)
        known = _CHOSEN[rules] = Chosen(every, checks, tuple(words))
    return known


def _parted(words: frozenset[str]) -> tuple[frozenset[bytes], frozenset[bytes]]:
    names = frozenset(word for word in words if word.isidentifier())
    return frozenset(map(str.encode, names)), frozenset(map(str.encode, words - names))
