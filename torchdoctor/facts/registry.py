"""What a module class keeps in plain containers, where nn.Module does not see it, and what it registers elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, Write, receiver_name
from torchdoctor.facts.collections import Addition, additions, items
from torchdoctor.facts.initialisers import constructing
from torchdoctor.facts.origins import Origin, assigned, called_function, owner_of_self, returned
from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.tree import within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 3
_OVERRIDES = frozenset({
    "parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "_apply", "state_dict",
    "__setattr__", "_save_to_state_dict",
})  # fmt: skip
_REGISTRARS = frozenset({"add_module", "register_module", "setattr", "__setattr__", "register_parameter"})
_CONTAINERS = frozenset({
    "torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict", "torch.nn.ParameterList",
    "torch.nn.ParameterDict", "torch.nn.Parameter",
})  # fmt: skip
# Functions that look at a container and keep nothing of it.
_LOOKERS = frozenset({
    "len", "enumerate", "zip", "print", "isinstance", "iter", "next", "reversed", "sum", "any", "all", "str", "repr",
    "id", "type", "hasattr", "range", "min", "max", "sorted", "list", "tuple", "set", "map", "filter",
})  # fmt: skip
_WORDS = (((cst.Tuple,), "tuple"), ((cst.Set, cst.SetComp), "set"), ((cst.Dict, cst.DictComp), "dict"))


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """An attribute that holds a plain container: where it gets it, and the expressions of all that is ever in it."""

    name: str
    write: Write
    values: tuple[Origin, ...]
    additions: tuple[Addition, ...]
    writes: tuple[Write, ...]


def manages_itself(facts: ClassFacts) -> bool:
    """Whether the class says itself what its parameters and modules are."""
    return any(name in owner.methods for owner in facts.ancestry for name in _OVERRIDES)


def kept_in_containers(facts: ClassFacts) -> list[Kept]:
    """The class's attributes that are containers of Python's own, and are not made modules later on."""
    known: dict[cst.ClassDef, list[Kept]] = remembered(facts.file, "kept modules")
    if facts.node not in known:
        known[facts.node] = list(_kept(facts))
    return known[facts.node]


def _kept(facts: ClassFacts) -> Iterator[Kept]:
    for name, writes in facts.attributes.items():
        held = [_held(facts, write) for write in writes]
        if any(values is None for values in held):
            continue
        added = list(additions(facts.file, partial(_is_attribute, facts, name)))
        filled = next((w for w, values in zip(writes, held, strict=True) if values), writes[0])
        every = [value for values in held for value in values or ()]
        every += [Origin(facts.file, value) for addition in added for value in addition.values]
        yield Kept(name, filled, tuple(every), tuple(added), tuple(writes))


def is_own(method: cst.FunctionDef, attribute: str, node: cst.CSTNode) -> bool:
    """Whether a node is `self.attribute`."""
    return (
        isinstance(node, cst.Attribute)
        and node.attr.value == attribute
        and isinstance(node.value, cst.Name)
        and node.value.value == receiver_name(method)
    )


def _is_attribute(facts: ClassFacts, attribute: str, node: cst.CSTNode) -> bool:
    """Whether a node is that attribute of an object of this class, in any of its methods."""
    if not isinstance(node, cst.Attribute) or node.attr.value != attribute:
        return False
    return owner_of_self(facts.file, node.value) is facts


def _held(facts: ClassFacts, write: Write) -> list[Origin] | None:
    """What is in the plain container that is written; None where it is none."""
    if isinstance(write.statement, cst.AugAssign):
        return []
    return None if write.value is None else contents(facts.file, write.value)


def contents(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> list[Origin] | None:
    """The expressions of what is in a plain container, put in when it was made or while it was a variable.

    A function of the project that gives such a container back is followed. None where ``node`` is no plain container.
    """
    inner = items(file, node)
    if inner == [] and isinstance(node, cst.Call) and node.args and depth:  # list(layers), tuple(layers)
        return contents(file, node.args[0].value, depth - 1) or []
    if inner is not None:
        return [Origin(file, item) for item in inner]
    sources: list[tuple[File, cst.BaseExpression]] = []
    found: list[Origin] = []
    if isinstance(node, cst.Name):
        sources = [(file, value) for value in assigned(file, node)]
    elif isinstance(node, cst.Call) and (function := called_function(file, node)) is not None:
        sources = returned(*function)
    for owner, source in sources:
        held = contents(owner, source, depth - 1) if depth else None
        if held is None:
            return None
        found += held
    if isinstance(node, cst.Name) and sources:
        for addition in additions(file, partial(_same_variable, file, node)):
            found += [Origin(file, value) for value in addition.values]
    return found if sources else None


def _same_variable(file: File, name: cst.Name, node: cst.CSTNode) -> bool:
    if not (isinstance(node, cst.Name) and node.value == name.value):
        return False
    here, there = file.scopes.find(node.value, node), file.scopes.find(name.value, name)
    return here is not None and there is not None and here[0] is there[0]


def is_registered(facts: ClassFacts, kept: Kept) -> bool:
    """Whether what a plain container holds reaches the registry on another way, or goes where it cannot be followed."""
    making = constructing(facts)
    for method in facts.methods.values():
        names = _carriers(facts.file, method, kept)
        for node in within(method.body):
            if isinstance(node, cst.Call) and _registers(facts.file, node, method, kept, names, method in making):
                return True
            if isinstance(node, cst.Attribute) and node.attr.value in ("_modules", "_parameters"):
                return True
            if isinstance(node, cst.Assign) and _renames(node, names):
                return True
            if isinstance(node, cst.Return) and _gives_away(facts.file, node, method, kept):
                return True
    return False


def _gives_away(file: File, node: cst.Return, method: cst.FunctionDef, kept: Kept) -> bool:
    """`self.blocks[name] = block; return block`: whoever asked for it puts it where it belongs."""
    return isinstance(node.value, cst.Name) and any(
        isinstance(value, cst.Name) and value.value == node.value.value
        for addition in kept.additions
        if file.function(addition.node) is method
        for value in addition.values
    )


def is_hidden(facts: ClassFacts, kept: Kept) -> bool:
    """`self.teacher = [teacher]`, `self.of = {"graph": embed}`: one module that somebody else has made, in a list or
    dict of its own: so it is kept out."""
    written = kept.write.value
    if not isinstance(written, (cst.List, cst.Tuple, cst.Dict)) or len(written.elements) != 1:
        return False
    module: cst.CSTNode = written.elements[0].value
    while isinstance(module, cst.Call) and isinstance(module.func, cst.Attribute):  # teacher.eval()
        if facts.file.name(module.func) is not None:
            return False  # nn.Linear(3, 4): made right here
        module = module.func.value
    return isinstance(module, cst.Name) and not any(addition.node is not written for addition in kept.additions)


def _carriers(file: File, method: cst.FunctionDef, kept: Kept) -> dict[str, bool]:
    """Local names that hold the container (True) or something out of it (False)."""
    names: dict[str, bool] = {}
    for value in kept.values:
        if isinstance(value.node, cst.Name) and value.file is file:
            names[value.node.value] = False
    for write in kept.writes:
        if isinstance(write.value, cst.Name) and write.method is method:
            names[write.value.value] = True
    for node in within(method.body):
        if isinstance(node, (cst.For, cst.CompFor)) and _mentions(method, node.iter, kept, names):
            names.update((n.value, False) for n in within(node.target) if isinstance(n, cst.Name))
    return names


def _mentions(
    method: cst.FunctionDef, node: cst.CSTNode, kept: Kept, names: dict[str, bool], whole: bool = False
) -> bool:
    """Whether an expression speaks of the container (or, unless ``whole``, of something out of it)."""
    return any(
        is_own(method, kept.name, inner)
        or (isinstance(inner, cst.Name) and (names.get(inner.value, False) or (not whole and inner.value in names)))
        for inner in within(node)
    )


def _registers(
    file: File, call: cst.Call, method: cst.FunctionDef, kept: Kept, names: dict[str, bool], making: bool
) -> bool:
    called = call.func.attr.value if isinstance(call.func, cst.Attribute) else None
    if isinstance(call.func, cst.Name):
        called = call.func.value
    if called in _REGISTRARS or file.name(call.func) in _CONTAINERS:
        return any(_mentions(method, arg.value, kept, names) for arg in call.args)
    if isinstance(call.func, cst.Attribute) and called in ("append", "extend", "insert", "update"):
        if not is_own(method, kept.name, call.func.value) and not _mentions(method, call.func.value, kept, names, True):
            return any(_mentions(method, arg.value, kept, names) and not _is_run(arg.value) for arg in call.args)
        return False
    if not making or called in _LOOKERS:
        return False
    return any(_is_whole(method, arg.value, kept, names) for arg in call.args)


def _is_run(node: cst.BaseExpression) -> bool:
    """Whether an expression is what a layer gives back: `layer(x)`, `self.layers[0](x)`."""
    return isinstance(node, cst.Call) and isinstance(node.func, (cst.Name, cst.Subscript))


def _is_whole(method: cst.FunctionDef, node: cst.BaseExpression, kept: Kept, names: dict[str, bool]) -> bool:
    """Whether an argument is the container itself, not what is made of it."""
    return is_own(method, kept.name, node) or (isinstance(node, cst.Name) and names.get(node.value, False))


def _renames(assign: cst.Assign, names: dict[str, bool]) -> bool:
    """`self.first = layer`, where layer is also in the container: it has a registered name."""
    return (
        isinstance(assign.value, cst.Name)
        and names.get(assign.value.value) is False
        and any(isinstance(target.target, cst.Attribute) for target in assign.targets)
    )


def kind_of_container(file: File, kept: Kept) -> str:
    """What an attribute is, in Python's own word: list, dict, tuple, set, OrderedDict ..."""
    value = kept.write.value
    if isinstance(value, cst.Call) and isinstance(value.func, (cst.Name, cst.Attribute)):
        return file.code(value.func).rpartition(".")[2]
    return next((word for kinds, word in _WORDS if isinstance(value, kinds)), "list")
