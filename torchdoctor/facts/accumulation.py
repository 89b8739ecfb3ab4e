"""What a loop keeps from pass to pass: sums that grow, lists that are appended to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

Loop = cst.For | cst.While
Body = cst.FunctionDef | cst.Module


@dataclass(frozen=True, slots=True)
class Accumulation:
    """One statement that adds to what is there: `total += x`, `total = total + x`, `kept.append(x)`, `kept += [x]`.

    ``holder`` is the name or attribute that lives on (`totals` of `totals["loss"] += x`); ``added`` what is added;
    ``listed`` whether it is kept as it is, and not summed.
    """

    node: cst.CSTNode = field(repr=False)
    target: cst.BaseExpression = field(repr=False)
    holder: str
    added: cst.BaseExpression = field(repr=False)
    listed: bool


def accumulations(file: File, body: Body) -> Iterator[Accumulation]:
    """The accumulations of one function, those of functions defined in it not included."""
    for node in own_nodes(body.body if isinstance(body, cst.FunctionDef) else body):
        found: tuple[cst.BaseExpression, cst.BaseExpression, bool] | None = None
        if isinstance(node, cst.AugAssign) and isinstance(node.operator, cst.AddAssign):
            single = isinstance(node.value, cst.List) and len(node.value.elements) == 1
            found = (node.target, _only(node.value), single)
        elif isinstance(node, cst.Assign) and len(node.targets) == 1 and isinstance(node.value, cst.BinaryOperation):
            found = _long_form(file, node.targets[0].target, node.value)
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and len(node.args) == 1:
            if node.func.attr.value in ("append", "extend") and not node.args[0].star:
                found = (node.func.value, _only(node.args[0].value), True)
        if found is not None and (holder := _holder(file, found[0])) is not None:
            yield Accumulation(node, found[0], holder, found[1], found[2])


def _only(node: cst.BaseExpression) -> cst.BaseExpression:
    """The item of a list of one."""
    return node.elements[0].value if isinstance(node, cst.List) and len(node.elements) == 1 else node


def _long_form(
    file: File, target: cst.BaseExpression, value: cst.BinaryOperation
) -> tuple[cst.BaseExpression, cst.BaseExpression, bool] | None:
    if not isinstance(value.operator, cst.Add):
        return None
    for same, added in ((value.left, value.right), (value.right, value.left)):
        if file.code(same) == file.code(target) or _gets(file, same, target):
            return target, _only(added), isinstance(added, cst.List)
    return None


def _gets(file: File, node: cst.BaseExpression, target: cst.BaseExpression) -> bool:
    """Whether `node` is `d.get(key, 0)` for a target `d[key]`."""
    if not isinstance(target, cst.Subscript) or not isinstance(node, cst.Call):
        return False
    got = node.func if isinstance(node.func, cst.Attribute) and node.func.attr.value == "get" else None
    return got is not None and file.code(got.value) == file.code(target.value)


def _holder(file: File, target: cst.BaseExpression) -> str | None:
    """The dotted name at the root of a target: `self.logs` of `self.logs["a"].setdefault(k, [])`."""
    while isinstance(target, (cst.Subscript, cst.Call)):
        if isinstance(target, cst.Call):
            if not (isinstance(target.func, cst.Attribute) and target.func.attr.value in ("setdefault", "get")):
                return None
            target = target.func.value
        else:
            target = target.value
    return file.code(target) if isinstance(target, (cst.Name, cst.Attribute)) else None


def loops_around(file: File, node: cst.CSTNode, body: Body) -> list[Loop]:
    """The loops of that function around a node, innermost first."""
    found: list[Loop] = []
    for above in file.ancestors(node):
        if above is body:
            return found
        if isinstance(above, (cst.For, cst.While)):
            found.append(above)
    return found


def begins_anew(file: File, loop: Loop | cst.FunctionDef, holder: str) -> bool:
    """Whether a pass of the loop, or a call of the function, gives the holder a new value, or empties it."""
    for node in own_nodes(loop.body):
        if isinstance(node, cst.Assign):
            for target in node.targets:
                if _long_form_of(file, node, target.target):
                    continue
                if holder in _bound(file, target.target):
                    return True
        elif isinstance(node, (cst.For, cst.CompFor, cst.AnnAssign)):
            if holder in _bound(file, node.target):
                return True
        elif isinstance(node, cst.Del):
            if file.code(node.target).startswith(holder):
                return True
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            if node.func.attr.value in ("clear", "pop", "popleft") and file.code(node.func.value).startswith(holder):
                return True
    return False


def _long_form_of(file: File, node: cst.Assign, target: cst.BaseExpression) -> bool:
    return isinstance(node.value, cst.BinaryOperation) and _long_form(file, target, node.value) is not None


def _bound(file: File, target: cst.BaseExpression) -> set[str]:
    """The names and attributes that a target binds; of `x[:]` and `x["a"]` too x, which is written into."""
    if isinstance(target, (cst.Tuple, cst.List)):
        return set().union(*(_bound(file, element.value) for element in target.elements))
    if isinstance(target, cst.Subscript):
        whole = any(isinstance(element.slice, cst.Slice) for element in target.slice)
        return {file.code(target.value)} if whole else set()
    return {file.code(target)}


def feeds(file: File, body: Body, holder: str, ends: list[cst.CSTNode]) -> bool:
    """Whether what the holder holds may reach one of the ``ends`` (calls of backward), by way of assignments."""
    reached = {holder}
    nodes = list(own_nodes(body.body if isinstance(body, cst.FunctionDef) else body))
    for _ in range(3):
        for node in nodes:
            if isinstance(node, (cst.Assign, cst.AugAssign, cst.AnnAssign)) and node.value is not None:
                source, targets = node.value, _targets(node)
            elif isinstance(node, cst.For):
                source, targets = node.iter, [node.target]
            else:
                continue
            if mentions(file, source, reached):
                reached |= set().union(*(_bound(file, target) for target in targets))
    return any(mentions(file, end, reached) for end in ends)


def _targets(node: cst.Assign | cst.AugAssign | cst.AnnAssign) -> list[cst.BaseExpression]:
    return [target.target for target in node.targets] if isinstance(node, cst.Assign) else [node.target]


def mentions(file: File, node: cst.CSTNode, holders: set[str]) -> bool:
    """Whether one of these names or attributes stands in an expression."""
    return any(
        isinstance(part, (cst.Name, cst.Attribute)) and file.code(part) in holders
        for part in own_nodes(node)
        if not (isinstance(part, cst.Name) and isinstance(file.parent(part), cst.Attribute) and _is_attr(file, part))
    )


def _is_attr(file: File, name: cst.Name) -> bool:
    above = file.parent(name)
    return isinstance(above, cst.Attribute) and above.attr is name
