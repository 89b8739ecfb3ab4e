"""What is done with a thing by the name, or the attribute of self, that holds it: all over the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow


@dataclass(frozen=True, slots=True)
class Uses:
    """``attributes``: what is read of it (`x.step` gives "step"); ``handed``: where the thing itself goes on, as an
    argument, an item, a returned value. Asking whether it is None is no use."""

    binds: cst.CSTNode | None
    attributes: tuple[str, ...]
    handed: tuple[cst.CSTNode, ...]


def uses_of(file: File, call: cst.CSTNode) -> Uses | None:
    """The uses of what a call makes; None where it goes on at once, or where making it may be meant to fail."""
    parent = file.parent(call)
    if isinstance(parent, cst.Expr):
        tried = any(isinstance(above, (cst.With, cst.Try)) for above in file.ancestors(call))
        return None if tried else Uses(None, (), ())
    target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
    if isinstance(target, cst.Name):
        return _of_name(file, target)
    return _of_attribute(file, target) if isinstance(target, cst.Attribute) else None


def is_seen_through(flow: Flow, place: cst.CSTNode) -> bool:
    """Whether the place is an argument of a call that the run steps into."""
    call = flow.file.parent(place)
    if not isinstance(call, cst.Call):
        return False
    inlined = any(call in event.via for event in flow.events)
    return inlined and not any(event.node is call for event in flow.events)


def _of_name(file: File, target: cst.Name) -> Uses:
    """In nested functions too."""
    scope = file.scopes.of(target)
    places = []
    for name in file.nodes(cst.Name):
        if name.value != target.value or name is target or _is_label(file, name):
            continue
        found = file.scopes.find(name.value, name)
        if found is not None and found[0] is scope:
            places.append(name)
    return _uses(file, target, places)


def _of_attribute(file: File, target: cst.Attribute) -> Uses | None:
    """Of any attribute of that name, in the whole file; None where it is also spelt in a string."""
    name = target.attr.value
    if any(name in text.value for text in file.nodes(cst.SimpleString)):
        return None
    same = [node for node in file.nodes(cst.Attribute) if node.attr.value == name and node is not target]
    places = [node for node in same if file.name(node) is None]
    return _uses(file, target, places)


def _uses(file: File, target: cst.CSTNode, places: list[cst.Name] | list[cst.Attribute]) -> Uses:
    attributes, handed = [], []
    for place in places:
        parent = file.parent(place)
        if isinstance(parent, (cst.AssignTarget, cst.ComparisonTarget, cst.Comparison, cst.If)):
            continue
        if isinstance(parent, cst.AnnAssign) and parent.target is place:
            continue
        if isinstance(parent, cst.Attribute) and parent.value is place:
            attributes.append(parent.attr.value)
        else:
            handed.append(parent if parent is not None else place)
    return Uses(target, tuple(attributes), tuple(handed))


def _is_label(file: File, name: cst.Name) -> bool:
    """A name that reads no variable: an attribute's, a keyword's, a parameter's."""
    parent = file.parent(name)
    if isinstance(parent, cst.Attribute):
        return parent.attr is name
    return isinstance(parent, cst.Param) or (isinstance(parent, cst.Arg) and parent.keyword is name)
