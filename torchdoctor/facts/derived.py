"""What becomes of a value: every place in the file that it, or something taken from it, comes to.

Followed are names, attributes of self, items, loops over it, containers it is put into, functions of the file that take
it or give it back. Order does not matter: this says what *may* come of a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.names import dotted

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_MOST = 400  # places; a value that is everywhere says nothing
# What these give back holds what they were given, as what functions of torch give is computed from it.
_KEEPING = frozenset({
    "builtins.dict", "builtins.list", "builtins.tuple", "builtins.zip", "builtins.enumerate", "builtins.sorted",
    "builtins.iter", "builtins.next", "builtins.reversed", "builtins.filter", "builtins.map", "collections.OrderedDict",
    "copy.copy", "copy.deepcopy",
})  # fmt: skip
# What these tell of a tensor is no part of it.
_ABOUT = frozenset({"shape", "size", "dtype", "device", "ndim", "dim", "numel", "requires_grad", "is_cuda"})
_THROUGH = (
    cst.Subscript, cst.Attribute, cst.IfExp, cst.BooleanOperation, cst.NamedExpr, cst.Await, cst.Tuple, cst.List,
    cst.Set, cst.Dict, cst.Element, cst.DictElement, cst.StarredElement, cst.StarredDictElement, cst.ListComp,
    cst.SetComp, cst.GeneratorExp, cst.DictComp,
)  # fmt: skip


def uses(file: File, value: cst.BaseExpression) -> list[cst.CSTNode]:
    """The expressions that hold the value or a part of it, itself first. Empty where they are too many to follow."""
    found: dict[cst.CSTNode, None] = {value: None}
    queue: list[cst.CSTNode] = [value]
    while queue:
        for use in _next(file, queue.pop()):
            if use not in found:
                found[use] = None
                queue.append(use)
        if len(found) > _MOST:
            return []
    return list(found)


def _next(file: File, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    parent = file.parent(node)
    if isinstance(parent, cst.Arg):
        call = file.parent(parent)
        if isinstance(call, cst.Call):
            yield from _given(file, call, parent)
    elif isinstance(parent, cst.Call):
        yield parent  # what a method of it gives: ckpt.items(), ckpt.get("model")
    elif isinstance(parent, cst.Attribute) and parent.attr.value in _ABOUT:
        return
    elif isinstance(parent, _THROUGH):
        if not (isinstance(parent, cst.IfExp) and parent.test is node) and not _is_key(parent, node):
            yield parent
        if isinstance(parent, cst.NamedExpr):
            yield from _reads(file, parent.target)
    elif isinstance(parent, (cst.Assign, cst.AnnAssign, cst.For, cst.CompFor, cst.WithItem)):
        for target in _targets(parent, node):
            yield from _reads(file, target)
    elif isinstance(parent, cst.Return):
        yield from _results(file, node)


def _is_key(parent: cst.CSTNode, node: cst.CSTNode) -> bool:
    return isinstance(parent, cst.DictElement) and parent.key is node


def _given(file: File, call: cst.Call, arg: cst.Arg) -> Iterator[cst.CSTNode]:
    """Where an argument goes: into what the call gives back, into its receiver, into a parameter."""
    name = file.name(call.func) or ""
    if name in _KEEPING or name.startswith(("torch.", "numpy.")):
        yield call
    elif isinstance(call.func, cst.Attribute) and call.func.attr.value in ("update", "append", "extend", "setdefault"):
        yield from _reads(file, call.func.value)
    other, function = defined(file, name) or (file, None)
    if isinstance(function, cst.FunctionDef) and other is file and not file.has_star(call):
        params = (*function.params.posonly_params, *function.params.params)
        place = call.args.index(arg)
        for index, param in enumerate(params):
            if (index == place) if arg.keyword is None else (param.name.value == arg.keyword.value):
                yield from _reads(file, param.name, inside=function)


def _results(file: File, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    function = file.function(node)
    if function is not None:
        for reference in file.guards.references(function):
            callee = file.parent(reference) if isinstance(file.parent(reference), cst.Attribute) else reference
            call = file.parent(callee) if callee is not None else None
            if isinstance(call, cst.Call) and call.func is callee:
                yield call


def _targets(statement: cst.CSTNode, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(statement, cst.Assign):
        yield from (target.target for target in statement.targets)
    elif isinstance(statement, cst.AnnAssign):
        yield statement.target
    elif isinstance(statement, (cst.For, cst.CompFor)):
        if node is statement.iter:
            yield statement.target
    elif isinstance(statement, cst.WithItem) and statement.asname is not None:
        yield statement.asname.name


def _reads(file: File, target: cst.CSTNode, inside: cst.FunctionDef | None = None) -> Iterator[cst.CSTNode]:
    """The places where what was put into a target is read again."""
    if isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _reads(file, element.value)
    elif isinstance(target, cst.Subscript):
        yield from _reads(file, target.value)
    elif isinstance(target, cst.Attribute):
        text, owner = dotted(target), file.classes.enclosing(target)
        if text is not None:
            for name in file.mentions.get(target.attr.value, ()):
                read = file.parent(name)
                if (
                    isinstance(read, cst.Attribute)
                    and read is not target
                    and dotted(read) == text
                    and file.classes.enclosing(read) is owner
                ):
                    yield read
    elif isinstance(target, cst.Name):
        scope = file.scopes.inner(inside) if inside is not None else file.scopes.of(target)
        for name in file.mentions.get(target.value, ()):
            if name is not target and not _is_member(file, name):
                found = file.scopes.find(name.value, name)
                if found is not None and found[0] is scope:
                    yield name


def _is_member(file: File, name: cst.Name) -> bool:
    parent = file.parent(name)
    if isinstance(parent, cst.Attribute):
        return parent.attr is name
    return isinstance(parent, cst.Arg) and parent.keyword is name
