"""What the text of a constructor alone tells of an attribute: running it takes long, and often for an answer that is
plain, or that cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.literals import MISSING, literal
from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.values import UNKNOWN, Made, Param, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts, Write
    from torchdoctor.facts.file import File


class Constructor:
    """How the instances of a class are set up, over all of its bases."""

    def __init__(self, facts: ClassFacts) -> None:
        self.facts = facts
        self._told: dict[str, Value | None] = {}
        self._names: set[str] = set()  # mentioned on the instance, by constructors and by the methods these may call
        self._fills_others = False  # whether attributes of other objects are written: `self.base.head = head`
        todo = [(one, one.methods["__init__"]) for one in facts.ancestry if "__init__" in one.methods]
        while todo:
            home, method = todo.pop()
            found = self._mentioned(home.file, method)
            new = found - self._names
            self._names |= found
            todo += [(one, one.methods[name]) for one in facts.ancestry for name in new if name in one.methods]

    def _mentioned(self, file: File, method: cst.FunctionDef) -> set[str]:
        receiver, found = receiver_name(method), set()
        for attribute in file.below(method.body, cst.Attribute):
            of = attribute.value
            own = type(of) is cst.Name and of.value == receiver
            if own or (type(of) is cst.Call and file.name(of.func) == "builtins.super"):
                found.add(attribute.attr.value)
            elif type(file.parent(attribute)) is cst.AssignTarget:
                self._fills_others = True
        return found

    def tells(self, name: str) -> Value | None:
        """What an attribute is that the constructor writes once, in any case, and plainly: a constant, an empty list or
        dict, a Param for what that is given. UNKNOWN where it is written by a method that no constructor comes to. None
        where the constructor has to be run to know."""
        if name not in self._told:
            self._told[name] = None if self._fills_others else self._tell(self.facts.lookup(name))
        return self._told[name]

    def _tell(self, writes: list[Write]) -> Value | None:
        methods = {write.method.name.value for write in writes} - {"__init__"} - self._names
        if not all(map(self._is_called_apart, methods)):
            return UNKNOWN
        found = self.facts.method("__init__")
        once = [write for write in writes if not isinstance(write.statement, cst.AugAssign)]
        if found is None or len(once) != 1 or any(write.method is not found[1] for write in writes):
            return None
        (home, init), statement, value = found, once[0].statement, once[0].value
        if value is None or home.file.parent(home.file.statement(statement) or statement) is not init.body:
            return None
        if isinstance(value, (cst.List, cst.Dict)) and not value.elements:
            return Made("builtins.list" if isinstance(value, cst.List) else "builtins.dict", value)
        plain = literal(value) if len(writes) == 1 else MISSING  # not `self.count += 1`
        if isinstance(plain, (int, float, str, type(None))):
            return const(plain)
        if len(writes) > 1 or not isinstance(value, cst.Name):
            return None
        given = home.file.scopes.inner(init).bindings.get(value.value, [])
        return Param(init, value.value) if [one.kind for one in given] == ["parameter"] else None

    def _is_called_apart(self, method: str) -> bool:
        """Whether a plain function calls a method of that name, which a constructor may hand the instance to."""
        calls = self.facts.file.calls_by_method.get(method, ())
        return any(self.facts.file.classes.enclosing(call) is None for call in calls)


def constructor(facts: ClassFacts) -> Constructor:
    """The constructor of a class, worked out once."""
    known = remembered(facts.file, "constructors")
    if facts.node not in known:
        known[facts.node] = Constructor(facts)
    return known[facts.node]  # type: ignore[no-any-return]
