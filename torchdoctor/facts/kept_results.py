"""Writes into what may be the result of an operation that keeps it for backward, by the text alone.

Nearly every file has a `+=` and a `relu` somewhere; few have both on one value.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.torch_api.saved import KEEPING_LAYERS, KEEPING_RESULT, WRITING
from torchdoctor.facts.tree import within

_WORDS = KEEPING_RESULT | {name.rpartition(".")[2] for name in KEEPING_LAYERS}
_DEPTH = 4


def functions_writing(file: File) -> list[cst.CSTNode]:
    """The functions (or the module) in which such a write may stand, each once."""
    if _WORDS.isdisjoint(file.mentions):
        return []
    keeping = _attributes(file)
    written = dict.fromkeys(place for place in _written(file) if _may_be_kept(file, place, keeping, _DEPTH))
    return list(dict.fromkeys(file.function(place) or file.module for place in written))


def _written(file: File) -> Iterator[cst.BaseExpression]:
    for node in file.nodes(cst.AugAssign):
        yield node.target
    for name in WRITING.intersection(file.calls_by_method):
        for call in file.calls_by_method[name]:
            assert type(call.func) is cst.Attribute
            yield call.func.value


def _attributes(file: File) -> frozenset[str]:
    """Names of the attributes that are given such a layer or result."""
    targets = ((node, target.target) for node in file.nodes(cst.Assign) for target in node.targets)
    found = set()
    for node, target in targets:
        parts = [part.value for part in target.elements] if type(target) is cst.Tuple else [target]
        names = [part.attr.value for part in parts if type(part) is cst.Attribute]
        if names and _names_one(file, node.value):
            found.update(names)
    return frozenset(found)


def _names_one(file: File, expression: cst.CSTNode) -> bool:
    """Whether one of the operations is named, or a parameter or variable that stands for one."""
    for part in within(expression):
        if type(part) is cst.Name:
            if part.value in _WORDS:
                return True
            bound = file.scopes.find(part.value, part)
            for binding in bound[1] if bound is not None else ():
                value = binding.node.default if type(binding.node) is cst.Param else binding.value
                value = value.func if type(value) is cst.Call else value
                if isinstance(value, (cst.Name, cst.Attribute)) and _last(value) in _WORDS:
                    return True
    return False


def _last(name: cst.Name | cst.Attribute) -> str:
    return name.value if isinstance(name, cst.Name) else name.attr.value


def _may_be_kept(file: File, node: cst.BaseExpression, keeping: frozenset[str], depth: int) -> bool:
    if depth == 0:
        return False
    if type(node) is cst.Attribute:
        return node.attr.value in keeping
    if type(node) is cst.Call:
        names = (part.value for part in within(node.func) if type(part) is cst.Name)
        return not keeping.isdisjoint(names) or _names_one(file, node.func)
    if type(node) is cst.Name:
        return any(_may_be_kept(file, value, keeping, depth - 1) for value in file.scopes.values(node))
    parts = (node.body, node.orelse) if type(node) is cst.IfExp else ()
    return any(_may_be_kept(file, part, keeping, depth - 1) for part in parts)
