"""Edits that put a registering container of torch.nn where one of Python's own stands."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.collections import items
from torchdoctor.facts.file import File
from torchdoctor.facts.layers import is_parameter, made_modules
from torchdoctor.facts.literals import literal
from torchdoctor.facts.registry import Kept
from torchdoctor.facts.spelling import spell, text_at

_LIST_METHODS = frozenset({"append", "extend", "insert", "pop"})
_DICT_METHODS = frozenset({"items", "keys", "values", "update", "pop", "clear"})


def wrapped(facts: ClassFacts, kept: Kept, list_name: str, dict_name: str) -> tuple[Swap, ...]:
    """The container made a ``list_name`` or ``dict_name``; nothing where that cannot do all that is done with it."""
    file, value = facts.file, kept.write.value
    if value is None or len(kept.writes) != 1:
        return ()
    if not all(_is_one(value.file, value.node) for value in kept.values):
        return ()
    keyed = isinstance(value, (cst.Dict, cst.DictComp))
    if (not keyed and not isinstance(value, (cst.List, cst.ListComp, cst.Tuple, cst.Name, cst.Call))) or _is_nested(
        facts, value
    ):
        return ()
    if (keyed and not all(_is_text(key) for key in _keys(value, kept))) or not _uses_are(facts, kept, keyed):
        return ()
    name = spell(file, dict_name if keyed else list_name, value)
    if name is None:
        return ()
    empty = isinstance(value, (cst.List, cst.Dict)) and not value.elements
    return (Swap(value, f"{name}()" if empty else f"{name}({text_at(file, value, value)})"),)


def _is_one(file: File, node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.Call, cst.Name)) and bool(made_modules(file, node) or is_parameter(file, node))


def _is_nested(facts: ClassFacts, value: cst.BaseExpression) -> bool:
    inner = [element.value for element in getattr(value, "elements", ())]
    inner += [
        part
        for part in (getattr(value, "elt", None), getattr(value, "value", None))
        if isinstance(part, cst.BaseExpression)
    ]
    return any(items(facts.file, one) is not None for one in inner)


def _keys(value: cst.BaseExpression, kept: Kept) -> Iterator[cst.BaseExpression | None]:
    yield from (addition.key for addition in kept.additions)
    if isinstance(value, cst.DictComp):
        yield value.key
    elif isinstance(value, cst.Dict):
        yield from (getattr(element, "key", None) for element in value.elements)


def _is_text(key: cst.BaseExpression | None) -> bool:
    if isinstance(key, cst.Call):
        return isinstance(key.func, cst.Name) and key.func.value == "str"
    return isinstance(key, cst.FormattedString) or (key is not None and isinstance(literal(key), str))


def _uses_are(facts: ClassFacts, kept: Kept, keyed: bool) -> bool:
    """Whether only methods that the registering container has are called on the attribute."""
    allowed = _DICT_METHODS if keyed else _LIST_METHODS
    for method, calls in facts.file.calls_by_method.items():
        for call in calls if method not in allowed else ():
            receiver = call.func.value if isinstance(call.func, cst.Attribute) else None
            if isinstance(receiver, cst.Attribute) and receiver.attr.value == kept.name:
                return False
    return True


def as_parameter(file: File, call: cst.Call) -> str | None:
    """An nn.Parameter of the data of a tensor that asks for gradients itself; None where it is not that simple."""
    name = spell(file, "torch.nn.Parameter", call)
    if name is None:
        return None
    if isinstance(call.func, cst.Attribute) and call.func.attr.value == "requires_grad_":
        return f"{name}({text_at(file, call.func.value, call)})"
    if file.name(call.func) == "torch.autograd.Variable" and call.args:
        return f"{name}({text_at(file, call.args[0].value, call)})"
    rest = [arg for arg in call.args if arg.keyword is None or arg.keyword.value != "requires_grad"]
    if len(rest) != len(call.args) - 1 or any(arg.star for arg in rest):
        return None
    if rest and "#" not in file.module.code_for_node(rest[-1]):
        rest[-1] = rest[-1].with_changes(comma=call.args[-1].comma)
    return f"{name}({text_at(file, call.with_changes(args=rest), call)})"
