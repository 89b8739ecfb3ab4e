"""What ModuleList, ModuleDict and Sequential hold, for loops over them and items of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts.values import Arithmetic, Attr, Const, Free, Made, Named, Param, Sequence, Unknown, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

ANY = "[]"  # the keyword under which a list of unknown length holds any of its items
_LIST, _DICT, _SEQUENTIAL = "torch.nn.ModuleList", "torch.nn.ModuleDict", "torch.nn.Sequential"
_ADDING = ("append", "extend", "insert", "add_module", "update", "pop", "clear", "register_module")


def layers_of(container: Value, file: File) -> tuple[Value, ...] | None:
    """The modules that a loop over the container gives; None where one is not known, or more may be put in.

    Of a list made by a comprehension it is the one that stands for all.
    """
    if not isinstance(container, Made) or container.name not in (_LIST, _SEQUENTIAL) or _is_changed(container, file):
        return None
    if container.name == _SEQUENTIAL:
        found = container.args
    else:
        held = container.argument(0, "modules")
        found = held.items if isinstance(held, Sequence) else _items(held) if isinstance(held, Made) else ()
    return found if found and not any(isinstance(one, Unknown) for one in found) else None


def layer_at(container: Value, key: Any, file: File) -> Value | None:
    """`container[key]`, where what it holds is known one by one; or any of them, where all are made alike."""
    if isinstance(container, Made) and container.name == _DICT:
        held = container.argument(0, "modules")
        if isinstance(held, Made) and held.name == "builtins.dict" and not _is_changed(container, file):
            return dict(held.keywords).get(str(key))
        return None
    found = layers_of(container, file) if isinstance(key, int) else None
    if found is None:
        return None
    if len(found) == 1:
        return found[0]
    return found[key] if -len(found) <= key < len(found) else None


def _items(held: Made) -> tuple[Value, ...]:
    if held.name != "builtins.list":
        return ()
    item = held.argument(None, ANY)
    if item is None:
        return held.args
    return (*held.args, item) if _is_alike(item) else ()


def _is_alike(item: Value) -> bool:
    """Whether an item of a comprehension is the same each time: made of nothing that its loop brings."""
    if isinstance(item, Made):
        return all(map(_is_alike, (*item.args, *(value for _, value in item.keywords))))
    if isinstance(item, Sequence):
        return all(map(_is_alike, item.items))
    if isinstance(item, Arithmetic):
        return all(map(_is_alike, item.operands))
    return isinstance(item, (Const, Named, Param, Free)) or (isinstance(item, Attr) and _is_alike(item.of))


def _is_changed(container: Made, file: File) -> bool:
    """Whether layers may be put into it, or taken out, after it was made: by any call on something of its name."""
    owner = next((one for one in (file, *_loaded(file)) if one.holds(container.call)), None)
    if owner is None:
        return True
    target = owner.parent(container.call)
    names = {_name(one.target) for one in target.targets} if type(target) is cst.Assign else {None}
    if None in names:
        return True
    calls = (call for method in _ADDING for call in owner.calls_by_method.get(method, ()))
    stored = (one.value for one in owner.nodes(cst.Subscript) if isinstance(owner.parent(one), cst.AssignTarget))
    receivers = (*(call.func.value for call in calls if type(call.func) is cst.Attribute), *stored)
    return any(_name(receiver) in names for receiver in receivers)


def _loaded(file: File) -> list[File]:
    return file.neighbours.loaded if file.neighbours is not None else []


def _name(node: cst.BaseExpression) -> str | None:
    """The last part of a dotted name."""
    if type(node) is cst.Attribute:
        return node.attr.value
    return node.value if type(node) is cst.Name else None
