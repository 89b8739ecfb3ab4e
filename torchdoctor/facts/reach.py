"""Where words lead: the functions in which one stands, what is made with it, and the callers of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Where a name does nothing when the module's body runs.
_UNRUN = frozenset((cst.Import, cst.ImportFrom, cst.ClassDef, cst.Lambda))
# Methods that callers do not name: looking for their names would find everybody's.
UNNAMED = frozenset({"forward", "__init__", "__call__"})


@dataclass(slots=True)
class Reach:
    """Where words lead: functions, lasting names made with them, and whether the module's own body is among it."""

    functions: set[cst.FunctionDef] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    module: bool = False


def reached(file: File, words: frozenset[str]) -> Reach:
    """What the words lead to: where one stands, where a variable or attribute made with one is read, and the
    callers of these."""
    reach = Reach()
    seen: set[str] = set()
    called: set[cst.FunctionDef] = set()
    while words:
        seen |= words
        for word in words:
            for name in file.mentions.get(word, ()):
                _follow(file, name, reach)
        reach.names |= {called_by(file, function) for function in reach.functions - called}
        called |= reach.functions
        words = frozenset(reach.names - seen)
    return reach


def called_by(file: File, function: cst.FunctionDef) -> str:
    """The name that callers write: the function's own; the class's for what making or calling an object runs."""
    owner = owner_of(file, function)
    return owner.name.value if owner is not None and function.name.value in UNNAMED else function.name.value


def _follow(file: File, name: cst.Name, reach: Reach) -> None:
    """From a name outwards: the functions around it, and the lasting name that it is assigned to, if any."""
    parents = file.tree.parents
    below: cst.CSTNode = name
    above = parents.get(below)
    inside = False
    while above is not None:
        kind = type(above)
        if kind is cst.Assign and below is above.value:  # type: ignore[attr-defined]
            for target in above.targets:  # type: ignore[attr-defined]
                if isinstance(target.target, cst.Attribute):
                    reach.names.add(target.target.attr.value)
                elif isinstance(target.target, cst.Name) and not inside and file.function(above) is None:
                    reach.names.add(target.target.value)
        elif kind is cst.FunctionDef:
            if below is above.name:  # type: ignore[attr-defined]
                return
            if inside and above in reach.functions:
                return
            reach.functions.add(above)  # type: ignore[arg-type]
            inside = True
        elif kind is cst.ImportAlias and above.asname is not None:  # type: ignore[attr-defined]
            reach.names.add(above.asname.name.value)  # type: ignore[attr-defined]
            return
        elif kind in _UNRUN and not inside:
            return
        below, above = above, parents.get(above)
    reach.module = reach.module or not inside


def owner_of(file: File, function: cst.FunctionDef) -> cst.ClassDef | None:
    """The class that the function is a method of."""
    scope = file.scopes.of(function).node
    return scope if isinstance(scope, cst.ClassDef) else None


def calling(file: File, methods: Iterable[str]) -> set[cst.FunctionDef]:
    """The functions in whose own bodies a method of one of these names is called, whatever it is called on."""
    calls = (call for name in methods for call in file.calls_by_method.get(name, ()))
    return {function for call in calls if (function := file.function(call)) is not None}


def plainly_called(file: File) -> set[cst.FunctionDef]:
    """Functions that the file itself calls: by name, or on self."""
    found: set[cst.FunctionDef] = set()
    prefix = f"{file.module_name}."
    for name in file.calls_by_name:
        if name.startswith(prefix):
            node = file.definition(name[len(prefix) :].split("."))
            if isinstance(node, cst.FunctionDef):
                found.add(node)
    for method, calls in file.calls_by_method.items():
        if method.startswith("__") or method == "forward":
            continue
        for call in calls:
            assert isinstance(call.func, cst.Attribute)
            if isinstance(call.func.value, cst.Name):
                owner = file.classes.enclosing(call)
                if owner is not None and method in owner.methods:
                    found.add(owner.methods[method])
    return found
