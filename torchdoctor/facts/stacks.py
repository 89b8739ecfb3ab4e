"""What an nn.Sequential holds, layer by layer, however it was put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.joins import join
from torchdoctor.facts.values import UNKNOWN, Made, Named, Result, Sequence, Value

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run
    from torchdoctor.facts.state import Heap

SEQUENTIAL = "torch.nn.Sequential"
# Keys of the heap: the item that a list was given last, and all of its items where they are known one by one after it
# has grown; the layers that a Sequential was given after it was made, and whether a list was handed to code that is not
# known.
LAST, ALL, ADDED, LENT = "last", "all", "added", "lent"


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


def begin(heap: Heap, items: Made) -> Made:
    """A list is made anew, perhaps in another turn of a loop: what the last one was given is not in it."""
    for key in ("[]", LAST, ALL, LENT):
        heap.drop(items, key)
    return items


def grow(heap: Heap, items: Made, added: Value, whole: Value, *, once: bool) -> None:
    """Note that a list has got more items: ``added`` stands for any of them, ``whole`` holds them all in order.
    ``once``: this happens no more than once to this list."""
    before, more = held(items, heap) if once else None, held(whole, heap)
    known = heap.look(items, "[]")
    heap.put(items, "[]", added if known is None else join(known, added))
    heap.put(items, LAST, more[-1] if more else UNKNOWN)
    heap.put(items, ALL, Sequence((*before, *more)) if before is not None and more is not None else UNKNOWN)


def held(value: Value, heap: Heap) -> tuple[Value, ...] | None:
    """The items of a tuple or list, where they are known one by one; else None."""
    if isinstance(value, Sequence):
        return value.items
    if not isinstance(value, Made) or value.name != "builtins.list" or value.keywords or heap.has(value, LENT):
        return None
    if heap.has(value, "[]"):
        known = heap.ask(value, ALL)
        return known.items if isinstance(known, Sequence) else None
    written = (("item", key) for key in range(-len(value.args), len(value.args)))
    return None if any(heap.has(value, key) for key in written) else value.args


def _items(value: Value, heap: Heap) -> tuple[Value, ...]:
    """The items of a list; of one that grew in a loop, what it began with, UNKNOWN and the last."""
    if (known := held(value, heap)) is not None:
        return known
    if not isinstance(value, Made) or value.name != "builtins.list":
        return (UNKNOWN,)
    if not heap.has(value, "[]"):
        return value.args
    return (*value.args, UNKNOWN, heap.ask(value, LAST) or UNKNOWN)


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
    before = run.state.heap.ask(stack, ADDED) if not run.loops else None
    known = before.items if isinstance(before, Sequence) else () if before is None else (UNKNOWN,)
    run.state.heap.put(stack, ADDED, Sequence((UNKNOWN, layer) if run.loops else (*known, layer)))


def completed(value: Value, heap: Heap) -> Value:
    """A Sequential with the layers that it was given later."""
    if not isinstance(value, Made) or value.name != SEQUENTIAL or (added := heap.ask(value, ADDED)) is None:
        return value
    more = added.items if isinstance(added, Sequence) else (UNKNOWN,)
    return Made(value.name, value.call, (*value.args, *more), value.keywords)
