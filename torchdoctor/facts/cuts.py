"""Where a value was cut from the graph, as far as a run tells: looked for from the call of backward backwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.gradients import receiver
from torchdoctor.facts.origins import assigned
from torchdoctor.facts.outcome import is_computed
from torchdoctor.facts.tree import own_nodes
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Element,
    Item,
    Made,
    Named,
    Param,
    Result,
    Sequence,
    Size,
    Tensor,
    Value,
)

_DEPTH = 5
Part = tuple[Value, cst.BaseExpression | None]


def cut_before(flow: Flow, event: Event) -> cst.CSTNode | None:
    """What cut the value that a backward runs on from the graph of a model; None where it may be in a graph."""
    expression = receiver(event.node) if event.file is flow.file and event.by is None else None
    return Cuts(flow).find(event.on, expression)


class Cuts:
    """The cuts that one run can tell of.

    An unknown thing that is called with nothing but cut values and data may have parameters of its own. ``lenient``
    takes it for a loss all the same; else it is one only where the model behind the cut is put into training mode.
    """

    def __init__(self, flow: Flow, lenient: bool = False) -> None:
        self.flow = flow
        self.file = flow.file
        self.lenient = lenient

    def find(self, value: Value, expression: cst.BaseExpression | None, depth: int = _DEPTH) -> cst.CSTNode | None:
        """What cut a value, the value of ``expression``; None where it may be in a graph."""
        if isinstance(value, Tensor) and value.grad is not None:
            known = value.grad.value == "cut" and self._was_attached(value, value.grad.because)
            return value.grad.because if known else None
        if isinstance(value, Result) and self._items(value):
            return value.call
        if isinstance(value, Attr) and value.name == "data" and expression is not None:
            return expression if self._is_output(value.of) else None
        if depth == 0:
            return None
        called = next((e for e in self.flow.of("loss", "call") if _is_result(e, value)), None)
        if called is not None:
            return self._in_call(called, value, depth)
        return self._in_expression(expression, depth) if expression is not None else None

    # -- calls and expressions ----------------------------------------------------------------------------------------

    def _in_call(self, event: Event, value: Value, depth: int) -> cst.CSTNode | None:
        """A loss is cut where one of its inputs is, and everything else that it is given is data."""
        given = (*event.args, *event.keywords.values())
        if event.kind == "call":
            if not is_computed(self.file, value) or len(given) < 2:
                return None
            if event.grad.enabled is False:
                return event.grad.because if any(map(self._is_output, given)) else None
        inside = event.node.args if isinstance(event.node, cst.Call) and event.file is self.file else []
        nodes = [arg.value for arg in inside] if len(inside) == len(given) else [None] * len(given)
        cut = self._all(zip(given, nodes, strict=True), depth)
        if cut is None or event.kind == "loss" or self.lenient or self._is_trained(cut):
            return cut
        return None

    def _in_expression(self, node: cst.BaseExpression, depth: int) -> cst.CSTNode | None:
        """What is computed is cut where a term is, and the others are cut as well or data."""
        if isinstance(node, cst.Name):
            values = assigned(self.file, node)
            return self.find(self.value(values[0]), values[0], depth - 1) if len(values) == 1 else None
        if isinstance(node, cst.BinaryOperation):
            return self._all(((self.value(part), part) for part in (node.left, node.right)), depth)
        if isinstance(node, cst.Call):
            on = receiver(node)
            named = (self.file.name(node.func) or "").startswith("torch.")
            if on is None and not named:
                return None
            parts = [arg.value for arg in node.args] if named or on is None else [on, *(a.value for a in node.args)]
            return self._all(((self.value(part), part) for part in parts), depth)
        return None

    def _all(self, parts: Iterable[Part], depth: int) -> cst.CSTNode | None:
        """What cuts one of the terms, where each of the others is cut as well, or data."""
        first = None
        for value, node in parts:
            cut = self.find(value, node, depth - 1)
            if cut is None and not self._is_data(value, node):
                return None
            first = first or cut
        return first

    # -- what a value is ----------------------------------------------------------------------------------------------

    def value(self, node: cst.CSTNode) -> Value:
        """The value of an expression, of this function or another of the file."""
        value = self.flow.value(node)
        if value is not UNKNOWN or node not in self.file.tree.order:
            return value
        function = self.file.function(node)
        others = self.file.flows.of(function) if function is not None and function is not self.flow.node else []
        return next((found for other in others if (found := other.value(node)) is not UNKNOWN), UNKNOWN)

    def _items(self, value: Value) -> list[Event]:
        """The `.item()` that a number comes from."""
        return [e for e in self.flow.of("item") if isinstance(value, Result) and e.node is value.call]

    def _was_attached(self, value: Tensor, because: cst.CSTNode) -> bool:
        """Whether what was cut came out of a model, and not from something that nothing is known of."""
        if value.models or any(map(self._is_output, self._behind(because, _DEPTH))):
            return True
        events = (e for e in self.flow.of("forward", "call") if e.grad.because is because)
        return any(self._is_output(event.value) for event in events)

    def _is_trained(self, because: cst.CSTNode) -> bool:
        """Whether a model behind the cut is put into training mode in this run."""
        models: set[Value] = set()
        for value in self._behind(because, _DEPTH):
            models |= value.models if isinstance(value, Tensor) else set()
            models |= {value.function} if isinstance(value, Result) else set()
        return any(event.on in models for event in self.flow.of("train"))

    def _behind(self, node: cst.CSTNode, depth: int) -> Iterator[Value]:
        """The values of the parts of an expression, and of what the variables in it were made of."""
        for part in own_nodes(node):
            if isinstance(part, cst.BaseExpression):
                yield self.value(part)
            if isinstance(part, cst.Name) and depth > 0:
                for value in assigned(self.file, part):
                    yield from self._behind(value, depth - 1)
                if self._is_given(part):
                    yield Result(part, UNKNOWN)

    def _is_given(self, name: cst.Name) -> bool:
        """Whether a name is a parameter of a function stepped into: what it was given is not seen from here."""
        found = self.file.scopes.find(name.value, name)
        inside = found is not None and found[0].node is not self.flow.node
        return inside and found is not None and any(binding.kind == "parameter" for binding in found[1])

    def _is_output(self, value: Value) -> bool:
        if isinstance(value, Made) and value.name == "builtins.list":
            return any(event.on == value and self._is_output(event.args[0]) for event in self.flow.of("append"))
        if isinstance(value, Sequence):
            return any(map(self._is_output, value.items))
        if items := self._items(value):
            return any(event.on != value and self._is_output(event.on) for event in items)
        if isinstance(value, Tensor):
            losses = [event for event in self.flow.of("loss") if event.value == value]
            return bool(value.models) or any(self._is_output(given) for event in losses for given in event.args)
        return is_computed(self.file, value) or self._is_density(value)

    def _is_density(self, value: Value) -> bool:
        """`Categorical(logits).log_prob(action)` of what something that is not known gave: in the graph of that."""
        function = value.function if isinstance(value, Result) else None
        if not isinstance(function, Attr) or function.name not in ("log_prob", "entropy", "rsample"):
            return False
        made = function.of
        if not isinstance(made, Made) or not made.name.startswith("torch.distributions."):
            return False
        return any(isinstance(one, Result) for one in made.args)

    def _is_data(self, value: Value, node: cst.BaseExpression | None) -> bool:
        """Whether a value has no graph of its own: a number, what a loader gives, an argument, a tensor of these."""
        if isinstance(value, (Const, Param, Size, Named, Element, Item)):
            return True
        if isinstance(value, Tensor) and value.grad is not None:
            return value.grad.value in ("plain", "cut")
        if isinstance(value, Tensor):
            return not value.models and node is not None and not any(map(self._is_result, self._behind(node, _DEPTH)))
        return bool(self._items(value)) or (isinstance(value, Result) and not self._is_result(value))

    def _is_result(self, value: Value) -> bool:
        """Whether a value comes of a call that nothing is known of (the parts of an argument come of none)."""
        if isinstance(value, Tensor):
            return bool(value.models)
        if not isinstance(value, Result) or self._items(value):
            return False
        return isinstance(value.call, cst.Call) or not isinstance(value.function, (Param, Element, Item))


def _is_result(event: Event, value: Value) -> bool:
    return event.value == value and isinstance(value, (Tensor, Result))
