"""What a class is: its bases through the project, its kinds, methods and attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.kinds import is_known_library_class, kinds_of
from torchdoctor.facts.remembered import Remembering

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 12


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One `self.x = value` (or `self.x: T = value`, `self.x, self.y = ...`: then value is None)."""

    attribute: str
    method: cst.FunctionDef = field(repr=False)
    statement: cst.CSTNode = field(repr=False)
    target: cst.Attribute = field(repr=False)
    value: cst.BaseExpression | None = field(repr=False)


class ClassFacts(Remembering):
    """One class of the project."""

    def __init__(self, file: File, node: cst.ClassDef) -> None:
        self.file = file
        self.node = node
        self.name = file.names.own(node)

    def __repr__(self) -> str:
        return f"<class {self.name}>"

    # -- bases ----------------------------------------------------------------------------------------------------

    @cached_property
    def bases(self) -> tuple[str | None, ...]:
        """Full names of the bases as written; None for one that is not a plain name."""
        names = []
        for arg in self.node.bases:
            base = arg.value
            while type(base) is cst.Subscript:  # Generic[T], Dataset[Sample]
                base = base.value
            names.append(None if arg.star else self.file.name(base))
        return tuple(names)

    @cached_property
    def ancestry(self) -> tuple[ClassFacts, ...]:
        """This class and its bases in the project, nearest first, each once."""
        found: dict[cst.ClassDef, ClassFacts] = {self.node: self}
        queue = [(self, 0)]
        while queue:
            current, depth = queue.pop(0)
            for name in current.bases:
                base = self.file.classes.named(name) if name is not None else None
                if base is not None and base.node not in found and depth < _DEPTH:
                    found[base.node] = base
                    queue.append((base, depth + 1))
        return tuple(found.values())

    @cached_property
    def external(self) -> frozenset[str]:
        """Full names of all bases outside the project."""
        return frozenset(
            name
            for facts in self.ancestry
            for name in facts.bases
            if name is not None and self.file.classes.named(name) is None
        )

    @cached_property
    def complete(self) -> bool:
        """Whether every base, all the way up, is of the project or a library class that is known."""
        named = all(name is not None for facts in self.ancestry for name in facts.bases)
        return named and all(is_known_library_class(name) for name in self.external)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Words such as module, lightning, dataset, optimizer, scheduler, sampler, function, enum."""
        return frozenset().union(*(kinds_of(name) for name in self.external))

    @property
    def is_module(self) -> bool:
        return "module" in self.kinds

    # -- methods and attributes -----------------------------------------------------------------------------------

    @cached_property
    def methods(self) -> dict[str, cst.FunctionDef]:
        """The class's own methods by name; of two with one name the later, as in Python."""
        return {
            statement.name.value: statement
            for statement in _statements(self.node.body)
            if type(statement) is cst.FunctionDef
        }

    def method(self, name: str) -> tuple[ClassFacts, cst.FunctionDef] | None:
        """The method of that name, own or from a base in the project, with the class that defines it."""
        for facts in self.ancestry:
            if name in facts.methods:
                return facts, facts.methods[name]
        return None

    @cached_property
    def attributes(self) -> dict[str, list[Write]]:
        """Every assignment to an attribute of self in the class's own methods."""
        found: dict[str, list[Write]] = {}
        for method in self.methods.values():
            for write in _writes(self.file, method):
                found.setdefault(write.attribute, []).append(write)
        return found

    def lookup(self, attribute: str) -> list[Write]:
        """All assignments to that attribute, in this class and its bases in the project."""
        return [write for facts in self.ancestry for write in facts.attributes.get(attribute, ())]

    @cached_property
    def class_body(self) -> dict[str, cst.BaseExpression | None]:
        """Names given in the class body, with their values (None where only annotated)."""
        found: dict[str, cst.BaseExpression | None] = {}
        for statement in _statements(self.node.body):
            if type(statement) is cst.SimpleStatementLine:
                for small in statement.body:
                    if type(small) is cst.Assign:
                        for target in small.targets:
                            if type(target.target) is cst.Name:
                                found[target.target.value] = small.value
                    elif type(small) is cst.AnnAssign and type(small.target) is cst.Name:
                        found[small.target.value] = small.value
        return found

    @cached_property
    def subclasses(self) -> tuple[ClassFacts, ...]:
        """Classes of the same file that inherit from this one."""
        return tuple(other for other in self.file.classes if other is not self and self in other.ancestry)


class Classes(Remembering):
    """The classes of one file."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._facts: dict[cst.ClassDef, ClassFacts] = {}

    def __iter__(self) -> Iterator[ClassFacts]:
        return (self.of(node) for node in self.file.nodes(cst.ClassDef))

    def of(self, node: cst.ClassDef) -> ClassFacts:
        """The facts of a class of this file."""
        facts = self._facts.get(node)
        if facts is None:
            facts = self._facts[node] = ClassFacts(self.file, node)
        return facts

    def let_go(self, *but: str) -> None:
        super().let_go(*but)
        for facts in self._facts.values():
            facts.let_go()
        self._facts.clear()

    @cached_property
    def modules(self) -> list[ClassFacts]:
        """The classes of this file that are nn.Modules, by whatever way."""
        return [facts for facts in self if facts.is_module]

    def enclosing(self, node: cst.CSTNode) -> ClassFacts | None:
        """The class whose method (or body) the node stands in: the nearest one, across nested functions."""
        found = self.file.enclosing(node, cst.ClassDef)
        return self.of(found) if found is not None else None

    def named(self, name: str) -> ClassFacts | None:
        """The class of the project with that full name; None where it is not of the project."""
        found = defined(self.file, name)
        return found[0].classes.of(found[1]) if found is not None and type(found[1]) is cst.ClassDef else None


def receiver_name(method: cst.FunctionDef) -> str | None:
    """The name of a method's first parameter, unless the method is static."""
    for decorator in method.decorators:
        if type(decorator.decorator) is cst.Name and decorator.decorator.value == "staticmethod":
            return None
    params = (*method.params.posonly_params, *method.params.params)
    return params[0].name.value if params else None


def _statements(body: cst.BaseSuite) -> Iterator[cst.BaseStatement | cst.BaseSmallStatement]:
    """The statements of a class body, those under `if` and `try` at its level included."""
    for statement in body.body:
        yield statement
        if isinstance(statement, (cst.If, cst.Else, cst.Try)):
            yield from _statements(statement.body)
            following = statement.orelse if type(statement) is cst.If else None
            while following is not None:
                yield from _statements(following.body)
                following = following.orelse if type(following) is cst.If else None
            if type(statement) is cst.Try:
                for handler in statement.handlers:
                    yield from _statements(handler.body)


def _writes(file: File, method: cst.FunctionDef) -> Iterator[Write]:
    receiver = receiver_name(method)
    if receiver is None:
        return
    assignments: tuple[cst.Assign | cst.AnnAssign | cst.AugAssign, ...] = (
        *file.below(method.body, cst.Assign),
        *file.below(method.body, cst.AnnAssign),
        *file.below(method.body, cst.AugAssign),
    )
    for node in sorted(assignments, key=file.tree.order.__getitem__):
        if isinstance(node, cst.Assign):
            for target in node.targets:
                yield from _targets(target.target, receiver, method, node, node.value)
        elif isinstance(node, cst.AugAssign):
            yield from _targets(node.target, receiver, method, node, None)
        elif node.value is not None:
            yield from _targets(node.target, receiver, method, node, node.value)


def _targets(
    target: cst.CSTNode,
    receiver: str,
    method: cst.FunctionDef,
    statement: cst.CSTNode,
    value: cst.BaseExpression | None,
) -> Iterator[Write]:
    if type(target) is cst.Attribute and type(target.value) is cst.Name and target.value.value == receiver:
        yield Write(target.attr.value, method, statement, target, value)
    elif isinstance(target, (cst.Tuple, cst.List)):
        values: list[cst.BaseExpression | None] = [None] * len(target.elements)
        if isinstance(value, (cst.Tuple, cst.List)) and len(value.elements) == len(target.elements):
            values = [element.value for element in value.elements]
        for element, part in zip(target.elements, values, strict=True):
            yield from _targets(element.value, receiver, method, statement, part)
