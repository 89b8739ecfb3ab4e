"""Loops over a few things that are known one by one: what each turn gives its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.containers import layers_of
from torchdoctor.facts.joins import exact
from torchdoctor.facts.stacks import held
from torchdoctor.facts.values import Const, Function, Made, Named, Result, Sequence, Tensor, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

_MOST = 8  # turns that are looked at one by one
_TELLING = (Const, Sequence, Made, Tensor)


def turns_of(run: Run, iterable: Value) -> tuple[Value, ...]:
    """What the loop's target is in each turn, where that differs from turn to turn; nothing where it is not known."""
    found = items_of(run, iterable)
    if found is None or not 1 < len(found) <= _MOST or not all(isinstance(one, _TELLING) for one in found):
        return ()
    return found if len({exact(one) for one in found}) > 1 else ()


def brings_modules(run: Run, turns: tuple[Value, ...]) -> bool:
    """Whether each turn brings a module, perhaps with others or with its number."""
    return bool(turns) and all(any(_is_module(run, part) for part in _parts(turn)) for turn in turns)


def one_by_one(run: Run, node: cst.ListComp | cst.GeneratorExp) -> tuple[Value, ...]:
    """The items that a comprehension makes of a few things that are known one by one."""
    clause, events = node.for_in, len(run.events)
    if clause.ifs or clause.inner_for_in is not None:
        return ()
    items = []
    for turn in turns_of(run, run.evaluate(clause.iter)):
        run.bindings.bind(clause.target, turn)
        items.append(run.evaluate(node.elt))
    del run.events[events:]
    return tuple(items)


def mapped(run: Run, node: cst.CSTNode, args: tuple[Value, ...]) -> Value | None:
    """`map(lambda t: ..., (q, k, v))`: of a few things that are known one by one, what each becomes."""
    function = args[0] if len(args) == 2 else None
    items = items_of(run, args[1]) if isinstance(function, Function) else None
    if items is None or function is None or not 0 < len(items) <= _MOST:
        return None
    results = [run.calls.apply(node, function, (item,), {}) for item in items]
    told_apart = (
        one.but(of=Result(node, function, place)) if isinstance(one, Tensor) else one
        for place, one in enumerate(results)
    )
    return Sequence(tuple(told_apart))


def items_of(run: Run, iterable: Value) -> tuple[Value, ...] | None:
    """The things that an iterable gives, where they are known one by one; else None."""
    if isinstance(iterable, Result) and isinstance(iterable.function, Named):
        args = run.calls.arguments_of.get(iterable.call, ((), {}))[0]
        if iterable.function.name == "builtins.enumerate" and len(args) == 1:
            inner = items_of(run, args[0])
            return inner and tuple(Sequence((const(place), one)) for place, one in enumerate(inner))
        if iterable.function.name == "builtins.zip" and args:
            each = [items for arg in args if (items := items_of(run, arg)) is not None]
            return tuple(map(Sequence, zip(*each, strict=False))) if len(each) == len(args) else None
        return None
    if isinstance(iterable, Sequence) or (isinstance(iterable, Made) and iterable.name == "builtins.list"):
        return held(iterable, run.state.heap)
    return layers_of(iterable, run.file)


def _parts(turn: Value) -> tuple[Value, ...]:
    return turn.items if isinstance(turn, Sequence) else (turn,)


def _is_module(run: Run, value: Value) -> bool:
    return isinstance(value, Made) and run.calls.kind(value) in ("module", "criterion")
