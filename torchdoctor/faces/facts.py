"""What is known at a place, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Span
from torchdoctor.project.shown import shown

if TYPE_CHECKING:
    from torchdoctor.facts.events import GradMode, Mode
    from torchdoctor.facts.place import Context, Expression, Place, Reason, Seen

_LONGEST = 60  # characters of code that are quoted
_FACT = 20  # columns for the name of a fact
_TRAINING = {True: "train", False: "eval", None: "as it was made, or set out of sight"}


# -- for people ------------------------------------------------------------------------------------------------------


def render(place: Place, at: str, code: str, paint: Paint) -> str:
    """The place, the contexts, and what is known of each expression. ``at`` is the place as it was asked for."""
    rows = [f"{paint('strong', at)}{f'  in `{place.function}`' if place.function else ''}"]
    rows += [f"  {paint('dim', visible(code.strip()))}", ""]
    rows += _contexts(place, paint)
    for expression in place.expressions:
        rows += ["", *_expression(expression, place, paint)]
    if not place.expressions:
        rows += ["", "no expression here that anything could be known of"]
    return "".join(f"{row.rstrip()}\n" for row in rows)


def _contexts(place: Place, paint: Paint) -> Iterator[str]:
    several = len(place.contexts) > 1
    if several:
        yield f"seen in {len(place.contexts)} contexts"
    for number, context in enumerate(place.contexts, 1):
        lead = f"  [{number}] " if several else ""
        yield f"{paint('note', lead)}{_callers(context, place)}"
        indent = "      " if several else ""
        yield f"{indent}grad mode  {_grad(context.grad, place)}"
        for module, modes in context.modes:
            yield f"{indent}{visible(module)}  {_modes(modes, place)}"


def _callers(context: Context, place: Place) -> str:
    if place.function is None:
        return "the module's own body"
    callers = [_reason(place.reasons.get(caller), place) or "out of sight" for caller in context.callers]
    return f"called at {'; at '.join(callers)}" if callers else "with nothing known of its arguments"


def _grad(grad: GradMode | None, place: Place) -> str:
    if grad is None:
        return "not known: no way leads here"
    said = {True: "on", False: "off", None: "not known"}[grad.enabled]
    return said + _because(place.reasons.get(grad.because) if grad.because is not None else None, place)


def _modes(modes: frozenset[Mode], place: Place) -> str:
    told = [
        _TRAINING[mode.training] + _because(place.reasons.get(mode.because) if mode.because else None, place)
        for mode in modes
    ]
    return " or ".join(sorted(told))


def _expression(expression: Expression, place: Place, paint: Paint) -> Iterator[str]:
    at = expression.at
    yield f"{paint('strong', visible(_short(expression.code)))}  {paint('dim', f'{at.line}:{at.column}')}"
    groups: dict[Seen | None, list[int]] = {}
    for number, seen in enumerate(expression.seen, 1):
        groups.setdefault(seen, []).append(number)
    for seen, numbers in groups.items():
        if len(groups) > 1:
            yield f"  {paint('note', ' '.join(f'[{number}]' for number in numbers))}"
        yield from (f"  {row}" for row in _seen(seen, expression, place, paint))


def _seen(seen: Seen | None, expression: Expression, place: Place, paint: Paint) -> Iterator[str]:
    if seen is None:
        yield "not reached"
        return
    yield f"{'kind':{_FACT}}{seen.kind or 'not known'}"
    if seen.text:
        yield f"{'value':{_FACT}}{visible(seen.text)}"
    for fact in seen.facts:
        reason = place.reasons.get(fact.because) if fact.because is not None else None
        why = paint("dim", _because(reason, place, expression))
        yield f"{fact.name:{_FACT}}{visible(fact.text)}{why}"
    if seen.missing:
        yield f"{'not known':{_FACT}}{', '.join(seen.missing)}"


def _because(reason: Reason | None, place: Place, expression: Expression | None = None) -> str:
    if reason is None:
        return ""
    if expression is not None and reason.at == expression.at:
        return "  because of this very code"
    return f"  because of {_reason(reason, place)}"


def _reason(reason: Reason | None, place: Place) -> str:
    """ "line 8 `nn.Linear(4, 2)`"; with the file's name where it is another."""
    if reason is None:
        return ""
    where = f"line {reason.at.line}" if reason.at.path == place.path else f"{shown(reason.at.path)}:{reason.at.line}"
    return f"{where} `{visible(_short(reason.code))}`"


def _short(text: str) -> str:
    return text if cells(text) <= _LONGEST else f"{text[: _LONGEST - 3].rstrip()}..."


# -- for programs ----------------------------------------------------------------------------------------------------


def as_json(place: Place, path: str, line: int, column: int | None) -> str:
    """The same as one JSON document."""
    document = {
        "version": 1,
        "path": path,
        "line": line,
        "column": column,
        "function": place.function,
        "contexts": [_context_json(context, place) for context in place.contexts],
        "expressions": [
            {"code": found.code, **_span(found.at), "contexts": [_seen_json(seen, place) for seen in found.seen]}
            for found in place.expressions
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _context_json(context: Context, place: Place) -> dict[str, Any]:
    grad = context.grad
    return {
        "callers": [_reason_json(caller, place) for caller in context.callers],
        "grad": None if grad is None else {"enabled": grad.enabled, "because": _reason_json(grad.because, place)},
        "modes": [
            {
                "module": module,
                "may_be": sorted(
                    ({"training": m.training, "because": _reason_json(m.because, place)} for m in modes), key=str
                ),
            }
            for module, modes in context.modes
        ],
    }


def _seen_json(seen: Seen | None, place: Place) -> dict[str, Any] | None:
    if seen is None:
        return None
    facts = {fact.name: {"value": fact.data, "because": _reason_json(fact.because, place)} for fact in seen.facts}
    return {"kind": seen.kind, "value": seen.text or None, "facts": facts, "not_known": list(seen.missing)}


def _reason_json(node: object, place: Place) -> dict[str, Any] | None:
    reason = place.reasons.get(node) if node is not None else None  # type: ignore[call-overload]
    return None if reason is None else {"path": shown(reason.at.path), **_span(reason.at), "code": reason.code}


def _span(at: Span) -> dict[str, int]:
    return {"line": at.line, "column": at.column, "end_line": at.end_line, "end_column": at.end_column}


__all__: Sequence[str] = ("as_json", "render")
