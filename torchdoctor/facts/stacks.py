"""What an nn.Sequential holds, layer by layer, however it was put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.joins import join
from torchdoctor.facts.values import UNKNOWN, Made, Named, Result, Sequence, Value

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

Heap = Mapping[tuple[Value, object], Value]
SEQUENTIAL = "torch.nn.Sequential"
# Keys of the heap: the item that a list was given last, the layers that a Sequential was given after it was made, and
# whether a list was handed to code that is not known.
LAST, ADDED, LENT = "last", "added", "lent"


def layers(run: Run, call: cst.Call) -> tuple[Value, ...]:
    """The layers that `nn.Sequential(...)` is made of; UNKNOWN stands for any number of them that are not known."""
    found: list[Value] = []
    for arg in call.args:
        value = run.values.get(arg.value, UNKNOWN)
        if arg.star == "*":
            found += _items(value, run.state.heap)
        elif arg.star or arg.keyword is not None:
            return (UNKNOWN,)
        else:
            found += _named_layers(run, value) if len(call.args) == 1 else [value]
    return tuple(found)


def grow(heap: dict[tuple[Value, object], Value], items: Made, added: Value, whole: Value) -> None:
    """Note that a list has got more items: ``added`` stands for any of them, ``whole`` holds them all in order."""
    known = heap.get((items, "[]"))
    heap[(items, "[]")] = added if known is None else join(known, added)
    more = whole.items if isinstance(whole, Sequence) else whole.args if isinstance(whole, Made) else ()
    heap[(items, LAST)] = more[-1] if more else UNKNOWN


def unchanged(value: Value, heap: Heap) -> tuple[Value, ...]:
    """The items of a list that holds what it was written with; () where that is not sure."""
    if not isinstance(value, Made) or value.name != "builtins.list" or value.keywords:
        return ()
    written = (("item", key) for key in range(-len(value.args), len(value.args)))
    return () if any((value, key) in heap for key in ("[]", LENT, *written)) else value.args


def _items(value: Value, heap: Heap) -> tuple[Value, ...]:
    """The items of a list; of one that grew, what it began with, UNKNOWN and the last."""
    if isinstance(value, Sequence):
        return value.items
    if not isinstance(value, Made) or value.name != "builtins.list":
        return (UNKNOWN,)
    if (value, "[]") not in heap:
        return value.args
    return (*value.args, UNKNOWN, heap.get((value, LAST), UNKNOWN))


def _named_layers(run: Run, value: Value) -> tuple[Value, ...]:
    """The layers of an OrderedDict; a single layer is itself."""
    if isinstance(value, Made) and value.name == "collections.OrderedDict":
        args = value.args
    elif isinstance(value, Result) and value.function == Named("collections.OrderedDict"):
        args = run.calls.arguments_of.get(value.call, ((), {}))[0]
    elif isinstance(value, Made) and value.name == "builtins.dict":
        return tuple(layer for _, layer in value.keywords) or (UNKNOWN,)
    else:
        return (value,)
    pairs = _items(args[0], run.state.heap) if args else (UNKNOWN,)
    if args and isinstance(args[0], Made) and args[0].name == "builtins.dict":
        return _named_layers(run, args[0])
    return tuple(pair.items[1] if isinstance(pair, Sequence) and len(pair.items) == 2 else UNKNOWN for pair in pairs)


def add(run: Run, stack: Made, layer: Value) -> None:
    """Note that a Sequential is given one more layer; in a loop, that it is given some, and this one last."""
    before = run.state.heap.get((stack, ADDED))
    known = before.items if isinstance(before, Sequence) else () if before is None else (UNKNOWN,)
    run.state.heap[(stack, ADDED)] = Sequence((UNKNOWN, layer) if run.loops else (*known, layer))


def completed(value: Value, heap: Heap) -> Value:
    """A Sequential with the layers that it was given later."""
    if not isinstance(value, Made) or value.name != SEQUENTIAL or (value, ADDED) not in heap:
        return value
    added = heap[(value, ADDED)]
    more = added.items if isinstance(added, Sequence) else (UNKNOWN,)
    return Made(value.name, value.call, (*value.args, *more), value.keywords)
