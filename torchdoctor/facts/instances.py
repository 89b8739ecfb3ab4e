"""What an attribute of an object is, from its class: as the constructor made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts import torch_api
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.configured import field_of, is_dataclass
from torchdoctor.facts.constructed import constructor
from torchdoctor.facts.joins import exact
from torchdoctor.facts.literals import literal
from torchdoctor.facts.passing import bound, is_starred
from torchdoctor.facts.stacks import completed
from torchdoctor.facts.state import State
from torchdoctor.facts.values import Attr, Made, Param, Self, Unknown, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flows import Flows
    from torchdoctor.facts.run import Run

_Built = tuple[dict[str, Value], frozenset[cst.CSTNode]]


class Instances:
    """The objects that the classes of the project make, each constructed once."""

    def __init__(self, flows: Flows) -> None:
        self.flows = flows
        self._made: dict[Any, _Built] = {}
        self._arguments: dict[Any, dict[str, Value]] = {}
        self._given: dict[tuple[Value, str], Value] = {}  # by another's constructor: `self.base.head = Identity()`

    def attribute(self, run: Run, of: Self | Made, name: str) -> Value | None:
        """What `of.name` is by its class: as the constructor made it, where no other method writes it."""
        facts = self.flows.file.classes.named(of.name)
        if facts is None:
            return torch_api.made_with(of, name) if isinstance(of, Made) else None
        if (given := run.root.instances._given.get((of, name))) is not None:
            return given
        found = facts.method(name)
        if found is not None:
            return Attr(of, name) if _is_property(found[1]) else None
        writes = facts.lookup(name)
        if not writes:
            if any(map(is_dataclass, facts.ancestry)):
                return field_of(facts, of, name) or Attr(of, name)
            return self._class_level(facts, name)
        told = constructor(facts).tells(name)
        if isinstance(told, Unknown):
            return Attr(of, name)
        if isinstance(told, Param):
            return self._argument(facts, of, run, told.name, name)
        if told is not None:
            return told
        attributes, written = self._instance(facts, of, run)
        if all(write.statement in written or write.method.name.value == "__init__" for write in writes):
            return attributes.get(name)  # what a constructor does not reach, it does not write
        return Attr(of, name)

    def _instance(self, facts: ClassFacts, of: Self | Made, run: Run) -> _Built:
        """The attributes that the constructor (and what it calls) gives an instance, and where it writes them."""
        found = facts.method("__init__")
        if found is None or found[1] in run.stack:
            return {}, frozenset()
        key = (facts.node, exact(of))
        made = run.root.instances._made
        if key not in made:
            made[key] = {}, frozenset()
            home, init = found
            flows, entry = home.file.flows, _entry(home.file, init, of, run)
            flow = flows.run(
                init, entry, stack=run.stack, budget=run.budget, closure=flows.closures.get(init),
                known_callers=isinstance(of, Made), aside=True, root=run.root,
            )  # fmt: skip
            heap = flow.end.heap
            attributes: dict[str, Value] = {}
            for (owner, name), value in heap.items():
                if owner == of:
                    attributes[str(name)] = completed(value, heap)
                elif type(owner) is Made:
                    run.root.instances._given[owner, str(name)] = completed(value, heap)
            made[key] = attributes, frozenset(event.node for event in flow.of("write"))
        return made[key]

    def _argument(self, facts: ClassFacts, of: Self | Made, run: Run, parameter: str, name: str) -> Value | None:
        """What the constructor is given for its parameter, and keeps under that name."""
        found = facts.method("__init__")
        if found is None or found[1] in run.stack:
            return None
        key = (facts.node, exact(of))
        arguments = run.root.instances._arguments
        if key not in arguments:
            arguments[key] = _entry(found[0].file, found[1], of, run).names
        value = arguments[key].get(parameter)
        if value is not None:
            found[0].file.flows.hint_attribute(value, of, name)
        return value

    def _class_level(self, facts: ClassFacts, name: str) -> Value | None:
        for ancestor in facts.ancestry:
            expression = ancestor.class_body.get(name)
            if expression is not None:
                plain = literal(expression)
                return const(plain) if isinstance(plain, (int, float, str, bool)) else None
        return None


def _entry(file: File, init: cst.FunctionDef, of: Self | Made, run: Run) -> State:
    """What is known where the constructor of an instance begins."""
    if isinstance(of, Self):
        return file.flows.unasked(init, of, root=run.root)
    keywords, starred = dict(of.keywords), is_starred(of)  # `Net(**config)`: no default is sure to hold
    return State(bound(file, init, (of, *of.args), keywords, starred, of.call))


def _is_property(function: cst.FunctionDef) -> bool:
    return any(
        isinstance(d.decorator, cst.Name) and d.decorator.value in ("property", "cached_property")
        for d in function.decorators
    )
