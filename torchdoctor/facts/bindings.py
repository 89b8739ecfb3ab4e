"""Names and targets: what a name outside the run is, and what an assignment makes known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.configured import project_constant
from torchdoctor.facts.joins import join
from torchdoctor.facts.torch_api import index, is_array, refine_rank
from torchdoctor.facts.values import (
    UNKNOWN,
    Const,
    Element,
    Free,
    Made,
    Named,
    Result,
    Sequence,
    Shape,
    Tensor,
    Unknown,
    Value,
    const,
)

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run


class Bindings:
    """Reads and writes the names of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def outside(self, node: cst.Name) -> Value:
        """A name that this run has not bound itself."""
        full = self.run.file.name(node)
        if full is not None:
            return project_constant(full, self.run.file) or Named(full)
        found = self.run.file.scopes.find(node.value, node)
        if found is None:
            return UNKNOWN
        scope = found[0]
        if scope.node is self.run.node and isinstance(self.run.node, cst.FunctionDef):
            return UNKNOWN  # local, but not bound on any way to here
        if node.value in self.run.closure:
            return self.run.closure[node.value]
        if isinstance(scope.node, cst.Module):
            value = self.run.flows.global_value(node.value)
            if value is not None and not isinstance(value, Unknown):
                return value
        return Free(scope.node, node.value)

    def bind(self, target: cst.CSTNode, value: Value, statement: cst.CSTNode | None = None) -> None:
        """Give a target a value: names, attributes, items, and tuples of them."""
        if type(target) is cst.Name or type(target) is cst.Attribute:
            self.run.values[target] = value  # for who asks what a name holds from here on
        if type(target) is cst.Name:
            self.run.state.names[target.value] = value
            self.run.flows.hint(value, self.run.node, target.value)
        elif type(target) is cst.Tuple or type(target) is cst.List:
            self._unpack(target, value)
        elif type(target) is cst.StarredElement:
            self.bind(target.value, UNKNOWN)
        elif type(target) is cst.Attribute:
            of = self.run.evaluate(target.value)
            self.run.state.heap.put(of, target.attr.value, value)
            self.run.flows.hint_attribute(value, of, target.attr.value)
            cleared = target.attr.value == "grad" and value == const(None)
            self.run.emit(
                "zero_grad" if cleared else "write", statement or target, of, (const(target.attr.value), value)
            )
        elif isinstance(target, cst.Subscript):
            self._store(target, value, statement or target)

    def _store(self, target: cst.Subscript, value: Value, statement: cst.CSTNode) -> None:
        of = self.run.evaluate(target.value)
        keys = [self.run.evaluate(s.slice.value) for s in target.slice if isinstance(s.slice, cst.Index)]
        if isinstance(of, Made) and of.name in ("builtins.dict", "builtins.list"):
            if len(keys) == 1 and isinstance(keys[0], Const):
                self.run.state.heap.put(of, ("item", keys[0].value), value)
            else:
                known = self.run.state.heap.look(of, "[]")
                self.run.state.heap.put(of, "[]", value if known is None else join(known, value))
        self.run.emit("write", statement, of, (keys[0] if len(keys) == 1 else UNKNOWN, value))

    def _unpack(self, target: cst.Tuple | cst.List, value: Value) -> None:
        count = len(target.elements)
        starred = any(isinstance(element, cst.StarredElement) for element in target.elements)
        if isinstance(value, Shape) and not starred:
            value = self._refine(value, count)
        for place, element in enumerate(target.elements):
            self.bind(element.value, UNKNOWN if starred else self._part(value, place, count, target))

    def _refine(self, shape: Shape, count: int) -> Value:
        """`b, n, c = x.shape` proves that x has three dimensions: whatever holds x knows it from here on."""
        refined = refine_rank(shape.of, count)
        if refined is None or refined.shape is None:
            return UNKNOWN
        for name, value in self.run.state.names.items():
            if value == shape.of and not is_array(value):
                self.run.state.names[name] = refined
        return Sequence(
            tuple(
                UNKNOWN if dim is None else const(dim) if isinstance(dim, int) else dim for dim in refined.shape.value
            )
        )

    def _part(self, value: Value, place: int, count: int, node: cst.CSTNode) -> Value:
        if isinstance(value, Sequence):
            return value.items[place] if len(value.items) == count else UNKNOWN
        if isinstance(value, Made) and value.name == "builtins.list" and len(value.args) == count:
            return value.args[place]
        if isinstance(value, Element) and value.place == -1:
            return Element(value.of, value.loop, place)
        if isinstance(value, Tensor):
            known = index(value, (const(place),), node, self.run.grad_fact()) if value.rank is not None else None
            if known is not None:
                return known
            return Tensor(node, of=Result(node, value, place), models=value.models, grad=value.grad)
        if isinstance(value, Result) and value.place == -1:
            return Result(value.call, value.function, place)
        return Result(node, value, place) if not isinstance(value, Unknown) else UNKNOWN
