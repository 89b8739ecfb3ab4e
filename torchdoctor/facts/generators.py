"""Generators of parameters: where they are made, and each place that reads one to its end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.ownership import GENERATORS
from torchdoctor.facts.values import Attr, Made, Named, Result, Sequence, Value
from torchdoctor.facts.ways import Ways

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

# What reads its arguments to the end at once, and what gives a new generator that reads them.
_READERS = frozenset({
    "builtins.list", "builtins.tuple", "builtins.set", "builtins.sum", "builtins.sorted", "builtins.dict",
    "builtins.max", "builtins.min", "builtins.any", "builtins.all", "builtins.frozenset",
    "torch.nn.utils.parameters_to_vector", "torch.nn.utils.get_total_norm",
})  # fmt: skip
_LAZY = frozenset({
    "builtins.filter", "builtins.map", "builtins.enumerate", "builtins.zip", "itertools.chain", "builtins.iter",
    "itertools.islice", "builtins.reversed",
})  # fmt: skip
_JUMPS = frozenset({"return", "raise", "break", "continue"})


def kept(file: File, call: cst.Call) -> cst.BaseExpression | None:
    """The generator that is kept by an assignment: what a `parameters()` call gives, or what is lazily made from it."""
    node: cst.BaseExpression = call
    for above in file.ancestors(call):
        if isinstance(above, (cst.Assign, cst.Element)):
            return node
        if isinstance(above, cst.GeneratorExp) or (isinstance(above, cst.Call) and file.name(above.func) in _LAZY):
            node = above
        elif not isinstance(above, (cst.Arg, cst.CompFor)):
            return None
    return None


def readers(file: File, generator: cst.BaseExpression) -> Iterator[Flow]:
    """The flows that may read what is kept: of the function around, or of the methods that name the attribute."""
    function = file.function(generator)
    yield from file.flows.of(function or file.module)
    assign, owner = file.parent(generator), file.classes.enclosing(generator)
    target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
    if isinstance(target, cst.Attribute) and owner is not None:
        named = [node for node in file.nodes(cst.Attribute) if node.attr.value == target.attr.value]
        for method in owner.methods.values():
            if method is not function and any(method in file.ancestors(node) for node in named):
                yield from file.flows.of(method)


def reread(flow: Flow) -> Iterator[tuple[Value, Event, Event | None]]:
    """Each generator that is read where it is used up already: with that reading, and the one that used it up (None
    where that was in the constructor)."""
    for generator in dict.fromkeys(read for event in flow.events for read in _reads(event)):
        if is_generator(flow, generator) and not _is_peeked(flow, generator):
            yield from _reread(flow, generator)


def is_generator(flow: Flow, value: Value, depth: int = 4) -> bool:
    """Whether a value is a generator of parameters, or made from one."""
    if isinstance(value, Made):
        clause = value.call.for_in if isinstance(value.call, cst.GeneratorExp) else None
        return clause is not None and any(
            event.node is clause.iter and is_generator(flow, event.on, depth - 1) for event in flow.of("iterate")
        )
    if not isinstance(value, Result) or depth == 0:
        return False
    if isinstance(value.function, Attr):
        return value.function.name in GENERATORS and flow.kind(value.function.of) == "module"
    if isinstance(value.function, Named) and value.function.name in _LAZY:
        makers = [event for event in flow.of("call") if event.node is value.call]
        return any(is_generator(flow, arg, depth - 1) for event in makers for arg in event.args)
    return False


def _reads(event: Event) -> tuple[Value, ...]:
    """What the event reads to its end."""
    if event.kind in ("iterate", "clip"):
        return (event.on,)
    if event.kind == "make" and isinstance(event.value, Made) and event.value.name.startswith("torch.optim."):
        given = event.argument(0, "params")
        return tuple(_groups(given)) if given is not None and ".lr_scheduler." not in event.value.name else ()
    if event.kind == "call" and isinstance(event.on, Named) and event.on.name in _READERS | _LAZY:
        return event.args
    return event.args[1:2] if event.kind == "autograd_grad" else ()


def _groups(given: Value) -> Iterator[Value]:
    """What an optimizer reads: the value itself, or those of its groups."""
    yield given
    parts = given.items if isinstance(given, Sequence) else given.args if isinstance(given, Made) else ()
    for part in parts:
        if isinstance(part, Made) and part.name == "builtins.dict":
            yield from (value for key, value in part.keywords if key == "params")


def _is_peeked(flow: Flow, generator: Value) -> bool:
    """`next(params)`: whoever takes it one by one knows that it is a generator."""
    return any(event.on == Named("builtins.next") and generator in event.args for event in flow.of("call"))


def _makes(event: Event, generator: Value) -> bool:
    if event.kind == "call":
        return event.value == generator
    if event.kind == "iterate" and isinstance(generator, Made) and isinstance(generator.call, cst.GeneratorExp):
        return event.node is generator.call.for_in.iter
    return False


def _change(generator: Value, event: Event, used_up: int) -> int:
    """The index of the reading that used the generator up; -1 before any."""
    if _makes(event, generator):
        return -1
    return event.index if used_up == -1 and generator in _reads(event) else used_up


_BEFORE = -2  # used up before the flow began


def _reread(flow: Flow, generator: Value) -> Iterator[tuple[Value, Event, Event | None]]:
    made_here = any(_makes(event, generator) for event in flow.events)
    entry = -1 if made_here or not _read_by_constructor(flow, generator) else _BEFORE
    events = [e for e in flow.events if e.kind in _JUMPS or generator in _reads(e) or _makes(e, generator)]
    ways = Ways(flow, events, entry, partial(_change, generator))
    for event in events:
        if generator in _reads(event):
            for used_up in sorted(ways.states(event) - {-1}):
                first = flow.events[used_up] if used_up >= 0 else None
                if first is None or first is event or not flow.exclusive(first, event):
                    yield generator, event, first
                    break


def _read_by_constructor(flow: Flow, generator: Value) -> bool:
    """Whether the constructor of the method's class has read the generator that it keeps."""
    function = flow.function
    owner = flow.file.classes.enclosing(function) if function is not None else None
    init = owner.methods.get("__init__") if owner is not None else None
    if init is None or init is function:
        return False
    return any(generator in _reads(event) for other in flow.file.flows.of(init) for event in other.events)
