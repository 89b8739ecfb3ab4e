"""Template methods: what a base class does with methods that its subclasses fill in, in the same file or another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.reach import calling
from torchdoctor.facts.remembered import remembered

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File

_TRAINING = ("backward", "zero_grad", "manual_backward")
_STEPS = frozenset({"training_step", "validation_step", "test_step"})
_MOST = 3  # classes for which one template is looked at, and templates of one method


def filled_in(file: File, function: cst.FunctionDef) -> list[tuple[ClassFacts, ClassFacts, cst.FunctionDef]]:
    """The methods to look at as instances of a class run them, because of this function: the class, the base that
    defines the method, and the method.

    Where the function fills in what an inherited method calls, that method; where it calls what subclasses fill in,
    itself, for these.
    """
    owner = file.enclosing(function, cst.ClassDef, cst.FunctionDef)
    if not isinstance(owner, cst.ClassDef):
        return []
    facts = file.classes.of(owner)
    name = function.name.value
    found = [(facts, base, method) for base, method in _templates(facts).get(name, ())][:_MOST]
    if asked := _calls_on_self(file, function):
        users = (
            (one, facts, function)
            for one in facts.subclasses
            if not asked.isdisjoint(one.methods) and (held := one.method(name)) is not None and held[1] is function
        )
        found += [user for user, _ in zip(users, range(_MOST), strict=False)]
    return found


def _templates(facts: ClassFacts) -> dict[str, list[tuple[ClassFacts, cst.FunctionDef]]]:
    """The inherited methods that train and call each of the class's own."""
    known = remembered(facts.file, "templates")
    if facts.node not in known:
        found: dict[str, list[tuple[ClassFacts, cst.FunctionDef]]] = {}
        known[facts.node] = found
        for base in facts.ancestry[1:]:
            for name, method in base.methods.items():
                if not _trains(base.file, method) or facts.method(name) != (base, method):
                    continue
                for hook in _calls_on_self(base.file, method).intersection(facts.methods):
                    found.setdefault(hook, []).append((base, method))
    return known[facts.node]  # type: ignore[no-any-return]


def _trains(file: File, method: cst.FunctionDef) -> bool:
    """Whether a method works on losses. Others are run by the hundred in a large project, and teach nothing."""
    if method.name.value in _STEPS:
        return True
    known = remembered(file, "functions that work on losses")
    if None not in known:
        known[None] = calling(file, _TRAINING)
    return method in known[None]


def _calls_on_self(file: File, method: cst.FunctionDef) -> frozenset[str]:
    """The methods that a method calls on its own object; `self(x)` calls forward."""
    known = remembered(file, "calls on self")
    if method not in known:
        known[method] = frozenset(_called(file, method, receiver_name(method)))
    return known[method]  # type: ignore[no-any-return]


def _called(file: File, method: cst.FunctionDef, receiver: str | None) -> Iterator[str]:
    for call in file.below(method.body, cst.Call):
        function = call.func
        if isinstance(function, cst.Name) and function.value == receiver:
            yield "forward"
        elif isinstance(function, cst.Attribute) and isinstance(function.value, cst.Name):
            if function.value.value == receiver:
                yield function.attr.value
