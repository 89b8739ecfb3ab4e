"""How a sign is written.

A sign is a generator function in ``torchdoctor/signs/<topic>/<name>.py``, decorated with the texts that its failure
speaks in, in all of torch's dialects::

    @on_failure("mat1 and mat2 shapes cannot be multiplied ({a:d}x{b:d} and {c:d}x{d:d})", raises="RuntimeError")
    def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
        yield Diagnosis(f"{failure.layer_text()} takes {said['c']} features and gets {said['b']}")

The file's name is the rule's name; nothing else registers it. A sign reads the record first and the text second: one
text has many causes, and one cause many texts. The same function serves a pasted message: then the failure has no
operands, and perhaps no frames, and the sign says what the text alone bears out.

A sign of what a run measured, not of a failure, is decorated with ``on_record`` and the kind of record that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeVar

from torchdoctor.detectors import found_in, rule_of
from torchdoctor.finding import Span
from torchdoctor.record import Failure, FrameRecord, FunctionRecord, GraphRecord, ModuleRecord, ValueRecord


@dataclass(frozen=True, slots=True)
class Root:
    """A place that made it so, to be looked up in the source when the failure is told.

    Of a ModuleRecord it is where that layer is built; of a ValueRecord, where the value of the user's frame got this
    ``aspect`` of it; of a GraphRecord, where its tensor is written to in place; of a FunctionRecord, what it does last
    (``aspect`` "return": its last return), and without a path that of its name in the traceback's files; of a
    FrameRecord or a Span, that place itself. A root that cannot be found is left out.
    """

    subject: ModuleRecord | ValueRecord | FrameRecord | FunctionRecord | GraphRecord | Span
    text: str
    aspect: str = "shape"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a sign yields.

    ``message`` is one line and says what was so in this run, with its names and numbers and without advice. ``cures``
    are what to do in the user's names and numbers, the likeliest first; where there are none, the page's cure is
    shown. ``at`` is the place to blame: by default the user's innermost frame. ``evidence`` are further facts that bear
    it out. ``sure`` is False for what is likely but not borne out; it is dropped where another sign is sure.
    ``by_source`` is given the code at each root that was found in the source, and gives the cures that follow from it:
    they come first; where it gives any, ``cures`` are left out. ``weight`` is what it costs, as a part of what was
    measured (0 to 1): of several findings on one record the costliest comes first.
    """

    message: str
    cures: tuple[str, ...] = ()
    at: FrameRecord | Span | None = None
    roots: tuple[Root, ...] = ()
    evidence: tuple[str, ...] = ()
    sure: bool = True
    by_source: Callable[[Sequence[str]], Iterable[str]] | None = None
    weight: float = 0.0


class Said:
    """The values that stood in the holes of the text; None for a hole that this dialect has not."""

    def __init__(self, values: dict[str, Any], text: str) -> None:
        self.values, self.text = values, text

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None


Run = Callable[[Failure, Said], Iterable[Diagnosis]]

_HOLE = re.compile(r"\{(\w*)(?::(\w))?\}")
_NUMBER = r"-?\d+"
_SIZES = r"(?:torch\.Size\()?[\[(]?(?:-?\d+(?:\s*[,x]\s*-?\d+)*,?)?[\])]?\)?"
_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "": (r".+?", lambda text: " ".join(text.split())),
    "d": (_NUMBER, int),
    "f": (r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|inf|nan)", float),
    "s": (_SIZES, lambda text: tuple(int(n) for n in re.findall(_NUMBER, text))),
    "w": (r"[\w.:]+", str),
}


class Template:
    """A text with holes, ready to be looked for.

    Holes are ``{name}`` (any text, read as one line), ``{name:d}`` (a whole number), ``{name:f}`` (any number),
    ``{name:s}`` (sizes, in whatever brackets: a tuple of ints) and ``{name:w}`` (a word, dots and colons in it); a
    hole without a name is not kept. White space matches any white space. ``^`` at the beginning and ``$`` at the end
    hold the text to the message's ends; elsewhere it may stand anywhere in it. Raises ValueError for a hole of an
    unknown kind.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        body = text.removeprefix("^").removesuffix("$")
        self._words = tuple(word for piece in _HOLE.split(body)[::3] for word in piece.split())
        for hole in _HOLE.finditer(body):
            if (hole[2] or "") not in _KINDS:
                known = ", ".join(filter(None, _KINDS))
                raise ValueError(f"{text!r}: {hole[2]!r} is no kind of hole; kinds: {known}")

    def match(self, message: str) -> Said | None:
        """What stands in the holes; None where the message is another."""
        # Hundreds of texts are looked for in one message: their patterns are made only where all words are there.
        if not all(word in message for word in self._words):
            return None
        pattern, holes = _compiled(self.text)
        found = pattern.search(message)
        if found is None:
            return None
        values = {name: holes[name](text) for name, text in found.groupdict().items() if text is not None}
        return Said(values, found.group())


@cache
def _compiled(text: str) -> tuple[re.Pattern[str], dict[str, Callable[[str], Any]]]:
    """The pattern of a text with holes, and what reads each hole's text."""
    holes: dict[str, Callable[[str], Any]] = {}
    pieces, end = [], 0
    body = text.removeprefix("^").removesuffix("$")
    for hole in _HOLE.finditer(body):
        name = hole[1]
        pattern, read = _KINDS[hole[2] or ""]
        pieces.append(_literal(body[end : hole.start()]))
        if not name:
            pieces.append(f"(?:{pattern})")
        elif name in holes:
            pieces.append(f"(?P={name})")
        else:
            pieces.append(f"(?P<{name}>{pattern})")
            holes[name] = read
        end = hole.end()
    pieces.append(_literal(body[end:]))
    whole = "".join(pieces)
    anchored = (r"\A\s*" if text.startswith("^") else "") + whole + (r"\s*\Z" if text.endswith("$") else "")
    return re.compile(anchored, re.DOTALL), holes


def _literal(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", text))


@dataclass(frozen=True, slots=True)
class Sign:
    """A decorated function: which rule it tells, the texts and exceptions that it looks at, and whether it trusts
    them alone (``plain``) or wants the failure to be torch's for certain."""

    rule: str
    run: Run
    templates: tuple[Template, ...]
    raises: frozenset[str]
    plain: bool

    def match(self, failure: Failure) -> Said | None:
        """What the failure's text says in this sign's terms; None where it is not this sign's."""
        if self.raises and not failure.exception.is_a(*self.raises):
            return None
        if failure.blame == "other" or (failure.blame != "torch" and not self.plain):
            return None
        if not self.templates:
            return Said({}, failure.message)
        return next((said for one in self.templates if (said := one.match(failure.message))), None)


def on_failure(*texts: str, raises: str | Iterable[str] = (), plain: bool = True) -> Callable[[Run], Sign]:
    """For each failure with one of these texts, and one of these exceptions (or a class derived from it).

    ``plain=False`` is for texts that others raise as well ("index out of range", "not enough values to unpack"): then
    the sign is asked only where torch is known to have raised it, or a tensor to stand in the failing expression.
    """
    kinds = frozenset([raises] if isinstance(raises, str) else raises)
    return lambda run: Sign(rule_of(run), run, tuple(Template(text) for text in texts), kinds, plain)


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RecordSign:
    """A decorated function that reads records of a kind other than failures: of memory, of steps, of a trace."""

    rule: str
    run: Callable[[Any], Iterable[Diagnosis]]
    kind: type


def on_record(kind: type[R]) -> Callable[[Callable[[R], Iterable[Diagnosis]]], RecordSign]:
    """For each record of this kind::

        @on_record(TraceRecord)
        def sign(trace: TraceRecord) -> Iterator[Diagnosis]: ...

    The places of its diagnoses are spans: there is no failing frame that they could fall back on.
    """
    return lambda run: RecordSign(rule_of(run), run, kind)


@lru_cache(maxsize=1)
def all_signs() -> tuple[Sign, ...]:
    """Every sign of failures, found by importing ``torchdoctor.signs.*.*``; in the order of module names."""
    import torchdoctor.signs as package

    return found_in(package, Sign)


@lru_cache(maxsize=1)
def record_signs() -> tuple[RecordSign, ...]:
    """Every sign of other records, found in the same way and in the same order."""
    import torchdoctor.signs as package

    return found_in(package, RecordSign)
