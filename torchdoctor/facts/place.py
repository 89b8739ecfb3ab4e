"""What is known at one place of a file: each expression there, in each context that its function was seen in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import GradMode, Mode
from torchdoctor.facts.state import State
from torchdoctor.facts.values import Named, Unknown, Value
from torchdoctor.facts.wording import TENSOR_FACTS, Fact, facts_of, kind_in_words, words
from torchdoctor.finding import Span

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_LITERALS = (cst.Integer, cst.Float, cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis, cst.Imaginary)


@dataclass(frozen=True, slots=True)
class Reason:
    """A place in some file, and the code that stands there."""

    at: Span
    code: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one expression is known to be. ``kind`` None: not known; ``missing`` names the facts that are not known."""

    kind: str | None
    text: str
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of the place; ``seen`` in each context, in their order: None where it was not reached."""

    code: str
    at: Span
    node: cst.CSTNode
    seen: tuple[Seen | None, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """One way in which the function was seen: called like this, or (no callers) with nothing known of its arguments.

    ``grad`` and ``modes`` are those just before the statement; None where no way led there.
    """

    callers: tuple[cst.CSTNode, ...]
    grad: GradMode | None
    modes: tuple[tuple[str, frozenset[Mode]], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """All of it. ``path`` is the file's; ``reasons`` has the place of each node that a fact or a context rests on."""

    path: str
    function: str | None
    contexts: tuple[Context, ...]
    expressions: tuple[Expression, ...]
    reasons: Mapping[cst.CSTNode, Reason]


def known_at(file: File, line: int, column: int | None = None) -> Place:
    """What is known on a line (from 1), or of the innermost expression at a column (from 1) of it."""
    candidates = [node for node in file.tree.order if isinstance(node, cst.BaseExpression)]
    statements = [node for node in file.tree.order if isinstance(node, cst.BaseStatement)]
    spans = file.locate([*candidates, *statements])
    statement = _statement(statements, spans, line)
    inside = frozenset({statement, *_first_below(statement)} - {None})
    file.flows.watched = frozenset(node for node in inside if node is not None)
    function = _owner(file, statement, line, spans)
    flows = _flows(file, function)
    chosen = _chosen(file, candidates, spans, line, column)
    # What is known at a header of what its body is given stands before the first statement of the body.
    watched = next(iter(_first_below(statement)), None) if statement is function else statement
    contexts = tuple(_context(flow, statement, watched) for flow in flows)
    expressions = tuple(
        found for node in chosen if (found := _expression(file, node, spans[node], flows, watched)) is not None
    )
    reasons = _reasons(file, flows, _wanted(contexts, expressions))
    name = file.names.own(function) if function is not None else None
    return Place(file.path, name, contexts, _once(expressions), reasons)


# -- what stands there -------------------------------------------------------------------------------------------------


def _statement(nodes: Iterable[cst.CSTNode], spans: Mapping[cst.CSTNode, Span], line: int) -> cst.CSTNode | None:
    """The innermost statement that covers a line."""
    covering = [node for node in nodes if spans[node].line <= line <= spans[node].end_line]
    return max(covering, key=lambda node: spans[node].start, default=None)


def _first_below(statement: cst.CSTNode | None) -> list[cst.CSTNode]:
    """The first statement of a function's body."""
    if isinstance(statement, cst.FunctionDef) and isinstance(statement.body, cst.IndentedBlock):
        return list(statement.body.body[:1])
    return []


def _owner(
    file: File, statement: cst.CSTNode | None, line: int, spans: Mapping[cst.CSTNode, Span]
) -> cst.FunctionDef | None:
    """The function whose body or header the line belongs to."""
    if statement is None:
        return None
    return statement if isinstance(statement, cst.FunctionDef) else file.function(statement)


def _flows(file: File, function: cst.FunctionDef | None) -> list[Flow]:
    """Every context: those of this file that have callers, or the one without; then those that begin in other files."""
    if function is None:
        return [file.flows.module]
    everything = file.flows.touching()
    _ = file.flows.module
    flows = [flow for flow in everything if flow.node is function] or file.flows.of(function)
    flows = list(dict.fromkeys([*flows, *file.flows.of(function)]))
    called = [flow for flow in flows if flow.known_callers]
    return [*(called or flows), *(file.flows.from_elsewhere(function) or ())]


def _chosen(
    file: File, nodes: list[cst.BaseExpression], spans: Mapping[cst.CSTNode, Span], line: int, column: int | None
) -> list[cst.CSTNode]:
    found = [node for node in nodes if node in spans]
    if column is None:
        here = [n for n in found if spans[n].line == line and not _is_plain(file, n)]
        if not here:  # the middle of an expression over several lines
            here = [n for n in found if spans[n].line < line <= spans[n].end_line and not _is_plain(file, n)][-1:]
        return sorted(here, key=lambda n: (spans[n].start, [-end for end in spans[n].end]))
    point = line, column
    around = [node for node in found if spans[node].start <= point < spans[node].end]
    if not around:
        return []
    least = max(around, key=lambda n: (spans[n].start, [-end for end in spans[n].end]))
    above = file.parent(least)
    while isinstance(above, cst.Attribute) and least is above.attr:  # the name behind a dot is not an expression
        least, above = above, file.parent(above)
    is_method = isinstance(least, cst.Attribute) and spans[least.value].end <= point
    return [above if isinstance(above, cst.Call) and least is above.func and is_method else least]


def _is_plain(file: File, node: cst.CSTNode) -> bool:
    """Whether an expression says nothing beyond what stands beside it: a literal, the name of a keyword or method, a
    target that is given what stands to its right."""
    above = file.parent(node)
    if isinstance(node, _LITERALS) or (isinstance(node, cst.Name) and node.value in ("None", "True", "False")):
        return True
    if isinstance(node, cst.UnaryOperation):
        return isinstance(node.expression, _LITERALS)
    if isinstance(above, cst.Attribute):
        return node is above.attr
    if isinstance(above, cst.Arg):
        return node is above.keyword
    if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
        return node is above.name
    return isinstance(above, cst.AssignTarget) and isinstance(node, (cst.Name, cst.Attribute))


# -- what is known of it -----------------------------------------------------------------------------------------------


def _expression(
    file: File, node: cst.CSTNode, at: Span, flows: list[Flow], watched: cst.CSTNode | None
) -> Expression | None:
    values = [_value(file, node, flow, watched) for flow in flows]
    if all(value is None for value in values) or any(isinstance(value, Named) for value in values):
        return None
    above = file.parent(node)
    if isinstance(above, cst.Call) and node is above.func and isinstance(node, cst.Attribute):
        kinds = {flow.kind(value) for flow, value in zip(flows, values, strict=True) if value is not None}
        if not kinds & {"module", "criterion"}:  # a method: what it is called on is told by itself
            return None
    return Expression(
        " ".join(file.code(node).split()),
        at,
        node,
        tuple(None if value is None else _seen(value, flow) for value, flow in zip(values, flows, strict=True)),
    )


def _value(file: File, node: cst.CSTNode, flow: Flow, watched: cst.CSTNode | None) -> Value | None:
    """The value in one context; of a parameter in a header, the one that the body begins with."""
    if node in flow.values:
        return flow.values[node]
    state = flow.snapshots.get(watched) if watched is not None else None
    if isinstance(file.parent(node), cst.Param) and isinstance(node, cst.Name) and state is not None:
        return state.names.get(node.value)
    return None


def _seen(value: Value, flow: Flow) -> Seen:
    facts = tuple(facts_of(value))
    kind = kind_in_words(value, flow.kind(value))
    names = {fact.name for fact in facts}
    missing = tuple(name for name in TENSOR_FACTS if name not in names) if kind == "tensor" else ()
    text = "" if facts or isinstance(value, Unknown) else words(value)
    return Seen(kind, text, facts, missing)


def _context(flow: Flow, statement: cst.CSTNode | None, watched: cst.CSTNode | None) -> Context:
    state: State | None = flow.snapshots.get(watched) if watched is not None else None
    modes = () if state is None else tuple((words(module), modes) for module, modes in state.modes.items())
    return Context(tuple(flow.callers), state.grad if state is not None else None, modes)


def _once(expressions: Iterable[Expression]) -> tuple[Expression, ...]:
    """The same code with the same facts is told once."""
    kept: dict[tuple[str, tuple[Seen | None, ...]], Expression] = {}
    for expression in expressions:
        kept.setdefault((expression.code, expression.seen), expression)
    return tuple(kept.values())


# -- why ---------------------------------------------------------------------------------------------------------------


def _wanted(contexts: Iterable[Context], expressions: Iterable[Expression]) -> Iterator[cst.CSTNode]:
    for context in contexts:
        yield from context.callers
        if context.grad is not None and context.grad.because is not None:
            yield context.grad.because
        for _, modes in context.modes:
            yield from (mode.because for mode in modes if mode.because is not None)
    for expression in expressions:
        for seen in expression.seen:
            yield from (f.because for f in (seen.facts if seen is not None else ()) if f.because is not None)


def _reasons(file: File, flows: list[Flow], nodes: Iterable[cst.CSTNode]) -> dict[cst.CSTNode, Reason]:
    """Places in this file, or in the files that the project has led to."""
    wanted = list(dict.fromkeys(nodes))
    files = list(dict.fromkeys([file, *(owner for flow in flows for owner in flow.callers.values())]))
    if file.neighbours is not None:
        files += [other for other in file.neighbours.loaded if other not in files]
    found: dict[cst.CSTNode, Reason] = {}
    for one in files:
        here = [node for node in wanted if node not in found and one.holds(node)]
        for node, at in (one.locate(here) if here else {}).items():
            found[node] = Reason(at, _shown(one, node))
    return found


def _shown(file: File, node: cst.CSTNode) -> str:
    """The node's code on one line; of a function or class, its header."""
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return f"{'class' if isinstance(node, cst.ClassDef) else 'def'} {node.name.value}"
    return " ".join(file.code(node).split())
