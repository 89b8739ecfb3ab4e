"""Where an optimizer goes: the events in which code that is not in sight gets hold of it, or of its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torchdoctor.facts.events import Event
from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.values import (
    Attr,
    Element,
    Item,
    Made,
    Named,
    OneOf,
    Param,
    Result,
    Scaled,
    Self,
    Sequence,
    Value,
)

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

# Libraries whose functions neither step optimizers nor clear gradients, whatever they are given.
HARMLESS = (
    "builtins.", "torch.", "numpy.", "math.", "os.", "sys.", "time.", "logging.", "warnings.", "json.", "itertools.",
    "functools.", "collections.", "copy.", "tqdm.", "typing.", "operator.", "operator ", "contextlib.", "random.",
    "torchmetrics.", "torchvision.", "torchinfo.", "torchsummary.", "pprint.", "dataclasses.", "pathlib.",
)  # fmt: skip
_HANDING_ON = frozenset({
    "builtins.list", "builtins.tuple", "builtins.dict", "builtins.set", "builtins.zip", "builtins.enumerate",
    "builtins.iter", "builtins.reversed", "itertools.chain", "functools.partial", "builtins.vars", "builtins.map",
})  # fmt: skip
_OF_OPTIMIZERS = frozenset({
    "state_dict", "load_state_dict", "add_param_group", "step", "zero_grad", "param_groups", "register_step_post_hook",
    "profile_hook_step", "train", "eval", "get", "items", "keys", "values",
})  # fmt: skip


def escapes(flow: Flow, optimizer: Value, modules: frozenset[Value]) -> frozenset[int]:
    """The indices of the events after which the optimizer's gradients may be anything."""
    return frozenset(_Escapes(flow, optimizer, modules).found())


class _Escapes:
    def __init__(self, flow: Flow, optimizer: Value, modules: frozenset[Value]) -> None:
        self.flow = flow
        self.optimizer = optimizer
        self.modules = modules
        self.holders: set[Value] = {optimizer}
        self.on_self = self._may_be_on_self()

    def _may_be_on_self(self) -> bool:
        """Whether the method's own object may hold the optimizer."""
        made_here = any(event.value == self.optimizer for event in self.flow.of("make"))
        given = isinstance(self.optimizer, Param) and self.optimizer.function is self.flow.function
        return not made_here and not given

    def found(self) -> Iterator[int]:
        for event in self.flow.events:
            if event.kind == "yield":
                yield event.index
            elif event.kind == "make":
                self._make(event)
            elif event.kind in ("write", "append"):
                if self._holds(event.args[-1] if event.args else event.on):
                    self.holders.add(event.on)
            elif event.kind == "prepare":
                continue
            elif event.kind in ("call", "item") and self._escapes(event):
                self.holders.add(event.value)
                yield event.index

    def _make(self, event: Event) -> None:
        """Schedulers and wrappers of torch hold it harmlessly; an object of another kind may use it later."""
        assert isinstance(event.value, Made)
        if not event.value.name.startswith(("torch.", "builtins.")) and not kinds_of(event.value.name):
            if any(self._holds(value) or value in self.modules for value in (*event.args, *event.keywords.values())):
                self.holders.add(event.value)

    def _escapes(self, event: Event) -> bool:
        callee = event.on
        given = any(self._given(value) for value in (*event.args, *event.keywords.values()))
        if isinstance(callee, Named):
            if callee.name in _HANDING_ON:
                if given:
                    self.holders.add(event.value)
                return False
            if given and self.flow.kind(event.value) == "scheduler":
                self.holders.add(event.value)
                return False
            return given and not callee.name.startswith(HARMLESS)
        if isinstance(callee, Attr) and self._of_holder(callee):
            return True
        return given or callee == self.optimizer  # what can be called is no optimizer of torch's

    def _of_holder(self, callee: Attr) -> bool:
        """A method, not in sight, of something that holds the optimizer."""
        of = callee.of
        if of == self.optimizer:
            return callee.name not in _OF_OPTIMIZERS
        if isinstance(of, Self):
            return self.on_self and not self._is_torchs(of)
        if isinstance(of, Result) and of.function == Named("builtins.super"):
            return self.on_self and callee.name != "__init__"
        if isinstance(of, Made) and of.name.startswith("builtins."):
            return False
        return self._holds(of) and not isinstance(of, Element)

    def _is_torchs(self, of: Self) -> bool:
        """Whether a method that the class does not define can only be nn.Module's."""
        facts = self.flow.file.classes.named(of.name)
        return facts is not None and facts.complete and "lightning" not in facts.kinds

    def _given(self, value: Value) -> bool:
        if isinstance(value, Self) and self.on_self:
            return True
        return self._holds(value) or self._is_model(value)

    def _is_model(self, value: Value) -> bool:
        if value in self.modules:
            return True
        if isinstance(value, (Sequence, OneOf)):
            return any(map(self._is_model, value.items if isinstance(value, Sequence) else value.options))
        return not self.modules and self.flow.kind(value) == "module"

    def _holds(self, value: Value, depth: int = 6) -> bool:
        if value in self.holders:
            return True
        if depth == 0:
            return False
        inner: tuple[Value, ...] = ()
        if isinstance(value, Sequence):
            inner = value.items
        elif isinstance(value, OneOf):
            inner = tuple(value.options)
        elif isinstance(value, Made) and value.name.startswith("builtins."):
            added = self.flow.end.heap.look(value, "[]")
            inner = (*value.args, *(part for _, part in value.keywords), *((added,) if added is not None else ()))
        elif isinstance(value, (Attr, Item, Element, Scaled)):
            inner = (value.of,)
        if isinstance(value, Attr) and value.of == self.optimizer:
            return False  # its state, its groups: what is done with them is seen where it is done
        return any(self._holds(part, depth - 1) for part in inner)


def contains(whole: Value, part: Value, depth: int = 6) -> bool:
    """Whether a value is the part, or a tuple, list, dict or object made with it."""
    if whole == part:
        return True
    inner: tuple[Value, ...] = ()
    if isinstance(whole, Sequence):
        inner = whole.items
    elif isinstance(whole, OneOf):
        inner = tuple(whole.options)
    elif isinstance(whole, Made):
        inner = (*whole.args, *(value for _, value in whole.keywords))
    return depth > 0 and any(contains(value, part, depth - 1) for value in inner)
