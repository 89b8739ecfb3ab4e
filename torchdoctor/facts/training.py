"""Training as a flow does it: its optimizers, whose gradients each step, clip or clearing is about, and what becomes of
an optimizer's gradients on the way from one step to the next."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.escape import HARMLESS, escapes
from torchdoctor.facts.events import Event
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.joins import options
from torchdoctor.facts.ownership import Parameters, parameters_of, related
from torchdoctor.facts.values import (
    UNKNOWN,
    Arithmetic,
    Attr,
    Const,
    Element,
    Free,
    Item,
    Made,
    Named,
    OneOf,
    Param,
    Result,
    Scaled,
    Self,
    Sequence,
    Tensor,
    Value,
)
from torchdoctor.facts.ways import Ways

if TYPE_CHECKING:
    from torchdoctor.facts.flow import Flow

_JUMPS = frozenset({"return", "raise", "break", "continue"})
_ABOUT_GRADIENTS = frozenset({"backward", "zero_grad", "step", "scaler_step", "unscale", "clip", "make"})
# Things that step and are no optimizers.
_OTHERS = frozenset({"scheduler", "scaler", "trainer", "module", "criterion", "loader", "dataset", "sampler", "metric"})


@fixed
class Gradients:
    """What an optimizer's gradients are at one point.

    ``state``: "entry" (as the flow found them), "cleared", "fresh" (a backward came since the last step or clearing),
    "spent" (stepped with), "unknown". ``because``: the index of the event that made them so. ``lost``: of cleared
    gradients, the index of the backward whose gradients were thrown away unused. ``scaled``: the scaler that they are
    multiplied by.
    """

    state: str
    because: int = -1
    lost: int = -1
    scaled: Value | None = None


class Training:
    """The facts of one flow. Ask ``flow.training``."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._parameters: dict[Value, Parameters] = {}
        self._escapes: dict[Value, frozenset[int]] = {}
        self._gradients: dict[Value, Ways[Gradients]] = {}

    # -- optimizers -----------------------------------------------------------------------------------------------

    @cached_property
    def optimizers(self) -> tuple[Value, ...]:
        """What is known to be an optimizer, or steps without arguments after a backward and is nothing else that is
        known; in order of appearance."""
        found: dict[Value, None] = {}
        seen_backward = False
        for event in self.flow.events:
            seen_backward = seen_backward or event.kind == "backward"
            if event.kind == "make" and self.flow.kind(event.value) == "optimizer":
                found[event.value] = None
            elif event.kind in ("zero_grad", "step"):
                for value in options(event.on):
                    known = self.flow.kind(value) == "optimizer"
                    if known or (event.kind == "step" and seen_backward and self._steps_like_one(event, value)):
                        found[value] = None
            elif event.kind in ("scaler_step", "unscale"):
                given = options(event.argument(0, "optimizer") or UNKNOWN)
                found.update(dict.fromkeys(value for value in given if value != UNKNOWN))
        return tuple(value for value in found if not self._is_own_kind(value))

    def _steps_like_one(self, event: Event, value: Value) -> bool:
        if event.args or event.keywords or self.flow.kind(value) in _OTHERS:
            return False
        if isinstance(value, Result):
            return not isinstance(value.call, (cst.For, cst.CompFor, cst.With, cst.WithItem))
        return isinstance(value, (Param, Free, Attr, Item))

    def _is_own_kind(self, value: Value) -> bool:
        """An optimizer class of the project: its step() may do anything, and is looked into."""
        return isinstance(value, (Made, Self)) and self.flow.file.classes.named(value.name) is not None

    def parameters(self, optimizer: Value) -> Parameters:
        """The parameters that an optimizer was made with."""
        if optimizer not in self._parameters:
            given = optimizer.argument(0, "params") if isinstance(optimizer, Made) else None
            found = Parameters(complete=False) if given is None else parameters_of(self.flow, given)
            self._parameters[optimizer] = found
        return self._parameters[optimizer]

    # -- which event is about which optimizer ---------------------------------------------------------------------

    def steps(self, event: Event, optimizer: Value) -> bool:
        """Whether the event is a step of the optimizer, plain or through a scaler."""
        if event.kind == "step":
            return optimizer in options(event.on)
        return event.kind == "scaler_step" and optimizer in options(event.argument(0, "optimizer") or UNKNOWN)

    def clears(self, event: Event, optimizer: Value) -> bool:
        """Whether the event clears gradients of the optimizer, or may: through it, its model, or single parameters."""
        if event.kind != "zero_grad":
            return False
        return any(self._clears(value, optimizer) for value in options(event.on))

    def _clears(self, value: Value, optimizer: Value) -> bool:
        if value == optimizer:
            return True
        if value in self.optimizers:
            return self.share(self.parameters(value), self.parameters(optimizer))
        mine = self.parameters(optimizer)
        about = Parameters(frozenset((value,)))
        if isinstance(value, (Element, Tensor, Result)) or self.flow.kind(value) != "module":
            about = parameters_of(self.flow, value)
        if any(mine.hold(module) for module in about.modules):
            return True
        return not self._anothers(about.modules, optimizer)

    def share(self, a: Parameters, b: Parameters) -> bool:
        """Whether some parameters are known to be among both."""
        return any(related(x, y) for x in a.modules for y in b.modules) or bool(a.tensors & b.tensors)

    def _anothers(self, modules: frozenset[Value], optimizer: Value) -> bool:
        """Whether these modules are known to be in the care of other optimizers only."""
        others = [self.parameters(other) for other in self.optimizers if other != optimizer]
        return bool(modules) and all(any(other.hold(module) for other in others) for module in modules)

    def feeds(self, backward: Event, optimizer: Value) -> bool | None:
        """Whether the backward gives gradients to the optimizer's parameters; None where that cannot be told."""
        models = _models(backward.on)
        mine = self.parameters(optimizer)
        if any(mine.hold(model) for model in models):
            return True
        if mine.modules and mine.complete and any(self.parameters(o).hold(m) for m in models for o in self.optimizers):
            return False
        return True if len(self.optimizers) == 1 else None

    def clips(self, event: Event, optimizer: Value) -> bool | None:
        """Whether the event clips the optimizer's gradients; None where that cannot be told."""
        about = parameters_of(self.flow, event.on)
        mine = self.parameters(optimizer)
        if self.share(about, mine):
            return True
        if self._anothers(about.modules, optimizer):
            return False
        return True if len(self.optimizers) == 1 else None

    def differentiates(self, event: Event, optimizer: Value) -> bool:
        """Whether the event is an autograd.grad that may be of the optimizer's parameters: a gradient penalty's is of
        images."""
        if event.kind != "autograd_grad":
            return False
        given = event.argument(1, "inputs") or UNKNOWN
        mine = self.parameters(optimizer).tensors
        return not all(
            isinstance(value, Tensor) and value not in mine and not isinstance(value.of, (Attr, Param, Element, Item))
            for value in (given.items if isinstance(given, Sequence) else (given,))
        )

    # -- what is not in sight -------------------------------------------------------------------------------------

    def escapes(self, optimizer: Value) -> frozenset[int]:
        """The indices of events in which code that is not in sight gets hold of the optimizer or its parameters."""
        if optimizer not in self._escapes:
            self._escapes[optimizer] = escapes(self.flow, optimizer, self.parameters(optimizer).modules)
        return self._escapes[optimizer]

    def by_framework(self, backward: Event) -> bool:
        """Whether the backward is that of an engine that may clear, scale and step by itself."""
        if backward.by is None:
            return bool(backward.args) and not isinstance(backward.on, (Tensor, Scaled))  # engine.backward(loss)
        return self.flow.kind(backward.by) not in ("scaler", "trainer")

    def may_go_backward(self, event: Event) -> bool:
        """Whether a call out of sight is given a loss for nothing but its effect: `accelerator.backward(loss)`."""
        if event.kind != "call" or not isinstance(event.file.parent(event.node), cst.Expr):
            return False
        if isinstance(event.on, Named) and event.on.name.startswith(HARMLESS):
            return False
        return any(value in self._losses for value in event.args)

    @cached_property
    def _losses(self) -> frozenset[Value]:
        return frozenset(event.on for event in self.flow.of("backward"))

    def touches_gradients(self, events: list[Event], loop: cst.CSTNode | None = None) -> bool:
        """Whether `.grad` is read or written in the functions of these events (in the flow's own: within the loop)."""
        functions = {(event.file, event.file.function(event.node)) for event in events}
        for file, function in functions:
            for attribute in file.nodes(cst.Attribute):
                if attribute.attr.value != "grad" or file.name(attribute) is not None:
                    continue
                if file.function(attribute) is function:
                    if function is not self.flow.function or loop is None or loop in file.ancestors(attribute):
                        return True
        return False

    # -- gradients on their way -----------------------------------------------------------------------------------

    def gradients(self, optimizer: Value) -> Ways[Gradients]:
        """What the optimizer's gradients are at each event, on every way."""
        if optimizer not in self._gradients:
            escaped = self.escapes(optimizer)
            events = [
                event
                for event in self.flow.events
                if event.kind in _ABOUT_GRADIENTS | _JUMPS
                or event.index in escaped
                or _writes_gradient(event)
                or self.may_go_backward(event)
            ]

            def change(event: Event, before: Gradients) -> Gradients:
                return self._changed(event, before, optimizer, escaped)

            self._gradients[optimizer] = Ways(self.flow, events, Gradients("entry"), change)
        return self._gradients[optimizer]

    def _changed(self, event: Event, before: Gradients, optimizer: Value, escaped: frozenset[int]) -> Gradients:
        if event.index in escaped or _writes_gradient(event) or self.may_go_backward(event):
            return Gradients("unknown", event.index)
        if event.kind == "make":
            return Gradients("cleared", event.index) if event.value == optimizer else before
        if self.clears(event, optimizer):
            if before.state == "cleared":
                return before
            return Gradients("cleared", event.index, before.because if before.state == "fresh" else -1)
        if event.kind == "backward" and (feeds := self.feeds(event, optimizer)) is not False:
            scaler = event.by if feeds and event.by is not None and self.flow.kind(event.by) == "scaler" else None
            return Gradients("fresh", event.index, scaled=scaler or before.scaled)
        if event.kind == "unscale" and not {optimizer, UNKNOWN}.isdisjoint(
            options(event.args[0] if event.args else UNKNOWN)
        ):
            return Gradients(before.state, before.because, before.lost)
        if self.steps(event, optimizer):
            return Gradients("spent", event.index)
        return before


def _models(loss: Value) -> frozenset[Value]:
    """The models that a loss, or a sum of losses, was computed with."""
    if isinstance(loss, Tensor):
        return loss.models
    parts = loss.operands if isinstance(loss, Arithmetic) else loss.options if isinstance(loss, OneOf) else ()
    return frozenset(model for part in parts for model in _models(part))


def _writes_gradient(event: Event) -> bool:
    """`p.grad = g`, `p.grad /= n`: gradients that no backward made."""
    if event.kind == "write":
        return bool(event.args) and event.args[0] == Const("grad", str)
    if event.kind in ("augment", "call"):
        on = event.on.of if isinstance(event.on, Attr) and event.kind == "call" else event.on
        on = on.of if isinstance(on, Tensor) and on.of is not None else on
        return isinstance(on, Attr) and on.name == "grad"
    return False


def blamed(flow: Flow, event: Event, beside: Event | None = None) -> cst.CSTNode:
    """The node of the flow's own file to blame for an event: its own, or the call that led out of the file to it.

    Where it is the order of two events that is wrong: the node, in the function that orders them, that leads to it.
    """
    nodes = (*event.via, event.node)
    if beside is not None:
        shared = 0
        for mine, other in zip(event.via, beside.via, strict=False):
            if mine is not other:
                break
            shared += 1
        nodes = nodes[: shared + 1]
    return next(node for node in reversed(nodes) if node in flow.file.tree.parents)
