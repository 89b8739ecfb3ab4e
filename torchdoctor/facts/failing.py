"""What the source alone tells of a place that failed: the layer that is called there, and the names that go into it.

For a traceback that was pasted: nothing is known of values, but where they were made is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts import whence
from torchdoctor.facts.origins import owner_of_self
from torchdoctor.finding import Mark, Span

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is called: the code for it ("self.head.project"), and where it is built."""

    code: str
    built: Span


def layer_at(file: File, place: Span) -> Layer | None:
    """The layer that is called in a place and is an attribute of self: the outermost call, or the only one."""
    calls = _calls(file, place)
    spans = file.locate(calls)
    whole = [call for call in calls if spans[call].start == place.start and spans[call].end == place.end]
    found = [layer for call in whole or calls if (layer := _layer(file, call)) is not None]
    return found[0] if len(found) == 1 else None


def _layer(file: File, call: cst.Call) -> Layer | None:
    parts = _dotted(call.func)
    if len(parts) < 2 or (facts := owner_of_self(file, _first(call.func))) is None:
        return None
    span = whence.built(file, facts.name, ".".join(parts[1:]))
    return Layer(file.code(call.func), span) if span is not None else None


def made_at(file: File, place: Span) -> Iterator[Mark]:
    """Where the names that stand in a place got their values, each once; of callees and layers none."""
    seen: set[Span] = set()
    for name in _names(file, place):
        span = whence.made(file, place, name.value)
        if span is not None and span.line != place.line and span not in seen and len(seen) < _MOST_NAMES:
            seen.add(span)
            yield Mark(span, f"`{name.value}` gets its value here")


def _calls(file: File, place: Span) -> list[cst.Call]:
    spans = file.locate(file.nodes(cst.Call))
    inside = [(span, call) for call, span in spans.items() if place.start <= span.start and span.end <= place.end]
    return [call for _, call in sorted(inside, key=lambda one: one[0].start) if isinstance(call, cst.Call)]


def _names(file: File, place: Span) -> Iterator[cst.Name]:
    """The names in a place that stand for values: not self, no attribute's, no callee's and no keyword's."""
    spans = file.locate(file.nodes(cst.Name))
    inside = [(span, name) for name, span in spans.items() if place.start <= span.start and span.end <= place.end]
    for _, name in sorted(inside, key=lambda one: one[0].start):
        above = file.parent(name)
        value = isinstance(above, cst.Attribute) and above.value is name
        callee = isinstance(above, cst.Call) and above.func is name
        if isinstance(above, cst.Attribute) and not value:
            continue
        if callee or (isinstance(above, cst.Arg) and above.keyword is name) or not isinstance(name, cst.Name):
            continue
        if name.value not in ("self", "cls") and file.name(name) is None:
            yield name


def _dotted(node: cst.BaseExpression) -> list[str]:
    """The names of `self.head.project` and of `self.head["project"]`; [] of all else."""
    if isinstance(node, cst.Name):
        return [node.value]
    if isinstance(node, cst.Attribute):
        before = _dotted(node.value)
        return [*before, node.attr.value] if before else []
    if isinstance(node, cst.Subscript) and len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        before, key = _dotted(node.value), node.slice[0].slice.value
        if before and isinstance(key, cst.SimpleString):
            return [*before, str(key.evaluated_value)]
        if before and isinstance(key, cst.Integer):
            return [*before, key.value]
    return []


def _first(node: cst.BaseExpression) -> cst.BaseExpression:
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    return node
