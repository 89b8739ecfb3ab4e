"""Whose parameters a value is: `net.parameters()`, lists, filters and groups of them, single tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.values import (
    Arithmetic,
    Attr,
    Const,
    Element,
    Item,
    Made,
    Named,
    OneOf,
    Param,
    Result,
    Self,
    Sequence,
    Tensor,
    Value,
)

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

# Methods of a module that give all its parameters, each time as a new generator.
GENERATORS = frozenset({"parameters", "named_parameters"})
_PASSING = frozenset({
    "builtins.list", "builtins.tuple", "builtins.set", "builtins.iter", "builtins.sorted", "builtins.reversed",
    "builtins.dict", "builtins.filter", "builtins.map", "builtins.enumerate", "builtins.zip", "itertools.chain",
    "itertools.islice",
})  # fmt: skip
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Parameters:
    """``modules``: all of whose parameters are in it; ``tensors``: single ones.

    ``complete`` is False where there may be more in it, or less, than is known.
    """

    modules: frozenset[Value] = frozenset()
    tensors: frozenset[Value] = frozenset()
    complete: bool = True

    def __or__(self, other: Parameters) -> Parameters:
        return Parameters(self.modules | other.modules, self.tensors | other.tensors, self.complete and other.complete)

    def hold(self, model: Value) -> bool:
        """Whether parameters of this model, or of a part or the whole of it, are known to be among these."""
        return any(related(model, module) for module in self.modules)


_UNKNOWN = Parameters(complete=False)


def parameters_of(flow: Flow, value: Value, depth: int = _DEPTH) -> Parameters:
    """The parameters that a value holds, gives when it is read, or is."""
    if depth == 0:
        return _UNKNOWN
    if isinstance(value, Result):
        return _of_result(flow, value, depth - 1)
    if isinstance(value, Made) and value.name.startswith("builtins."):
        return _of_container(flow, value, depth - 1)
    if isinstance(value, Sequence):
        return _all(flow, value.items, depth - 1)
    if isinstance(value, Element):
        return parameters_of(flow, value.of, depth - 1)
    if isinstance(value, OneOf):
        return _all(flow, tuple(value.options), depth - 1)
    if isinstance(value, Arithmetic):
        return _all(flow, value.operands, depth - 1)
    if isinstance(value, Const):
        return Parameters()
    if isinstance(value, (Tensor, Param, Attr, Item)):
        return Parameters(tensors=frozenset((value,)), complete=isinstance(value, Tensor))
    return _UNKNOWN


def _all(flow: Flow, values: tuple[Value, ...], depth: int) -> Parameters:
    found = Parameters()
    for value in values:
        found |= parameters_of(flow, value, depth)
    return found


def _of_result(flow: Flow, value: Result, depth: int) -> Parameters:
    function = value.function
    if isinstance(function, Attr):
        if function.name in GENERATORS:
            return Parameters(frozenset((unwrapped(function.of),)))
        if function.name in ("values", "items", "keys"):
            return parameters_of(flow, function.of, depth)
    args = arguments(flow, value)
    if isinstance(function, Named) and function.name in _PASSING and args:
        return _all(flow, args[1:] if function.name in ("builtins.filter", "builtins.map") else args, depth)
    # What an unknown function made of them: `param_groups(model, weight_decay)`.
    given = _all(flow, args, depth) | Parameters(frozenset(arg for arg in args if flow.kind(arg) == "module"))
    return Parameters(given.modules, frozenset(), complete=False)


def _of_container(flow: Flow, value: Made, depth: int) -> Parameters:
    if value.name == "builtins.dict" and value.keywords:
        return _all(flow, tuple(v for key, v in value.keywords if key == "params"), depth)
    added = flow.end.heap.look(value, "[]")
    return _all(flow, (*value.args, *((added,) if added is not None else ())), depth)


def arguments(flow: Flow, value: Result) -> tuple[Value, ...]:
    """What the call that gave this result was given."""
    for event in flow.events:
        if event.node is value.call and event.value == value:
            return (*event.args, *event.keywords.values())
    return ()


def related(a: Value, b: Value) -> bool:
    """Whether two modules are known to share parameters: the same, or one of them a part of the other."""
    return _part(a, b) or _part(b, a)


def _part(part: Value, whole: Value, depth: int = 6) -> bool:
    if part == whole:
        return True
    if depth == 0:
        return False
    if isinstance(part, (Attr, Item)) and _part(part.of, whole, depth - 1):
        return True
    if isinstance(whole, Made):
        inner = (*whole.args, *(value for _, value in whole.keywords))
        return any(isinstance(arg, (Made, Param, Attr, Self)) and _part(part, arg, depth - 1) for arg in inner)
    return False
