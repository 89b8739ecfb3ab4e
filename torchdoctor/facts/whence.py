"""Where what failed was made: a layer in its constructor, a value before the place where it was asked for.

The run tells what it was; the source tells where it became so. What cannot be told for certain is None.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.endings import dropped_at_end
from torchdoctor.facts.literals import literal
from torchdoctor.facts.origins import origins, owner_of_self
from torchdoctor.facts.tree import own_nodes
from torchdoctor.finding import Span

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.scopes import Binding

_HOPS = 8
# Methods that leave an aspect of their tensor as it is: what made it so stands further back.
_SAME_DTYPE = frozenset({
    "view", "reshape", "permute", "transpose", "flatten", "squeeze", "unsqueeze", "contiguous", "clone", "detach", "t",
    "expand", "repeat", "cpu", "cuda", "requires_grad_", "flip", "roll", "narrow", "chunk", "split",
})  # fmt: skip
_SAME_DEVICE = (_SAME_DTYPE - {"cpu", "cuda"}) | {
    "float",
    "double",
    "half",
    "bfloat16",
    "long",
    "int",
    "bool",
    "sum",
    "mean",
}
_SAME_SHAPE = frozenset({
    "to", "cpu", "cuda", "float", "double", "half", "bfloat16", "long", "int", "bool", "contiguous", "clone", "detach",
    "requires_grad_", "relu", "sigmoid", "tanh", "exp", "log", "softmax", "log_softmax", "abs", "clamp", "dropout",
})  # fmt: skip
# Methods of a module that give it back.
_SAME_MODULE = frozenset({
    "to", "cuda", "cpu", "eval", "train", "float", "double", "half", "bfloat16", "requires_grad_", "apply",
    "share_memory", "to_empty",
})  # fmt: skip
_KEEPING = {"dtype": _SAME_DTYPE, "device": _SAME_DEVICE, "shape": _SAME_SHAPE, "layout": frozenset({"requires_grad_"})}


def built(file: File, holder: str, attribute: str) -> Span | None:
    """Where a layer is built: ``holder`` is the full name of the class whose code has made it ("" for a variable of the
    file), ``attribute`` its name there ("head.1": the second layer of a Sequential)."""
    name, *parts = attribute.split(".")
    value = _attribute(file, holder, name) if holder else _variable(file, name)
    if value is None:
        return None
    owner, node = value
    for part in parts:
        below = _part(owner, node, part)
        if below is None:
            break
        owner, node = below
    return _span(owner, node)


def made(file: File, place: Span, code: str, aspect: str = "shape") -> Span | None:
    """Where the value that ``code`` names at ``place`` got this aspect (shape, layout, dtype, device, grad, value).

    That is the last assignment before the place, and what is left as it was is followed further back. None where the
    name is a parameter, or the value is made at the place itself.
    """
    node = node_at(file, place, code)
    keeping = _KEEPING.get(aspect, frozenset())
    here = place
    for _ in range(_HOPS):
        step = before(file, node, here) if node is not None else None
        if step is None:
            return None
        value, where = step
        kept = _kept(value, keeping)
        if kept is None:
            return where
        node, here = kept, where
    return None


def ended(file: File, line: int, name: str, aspect: str = "") -> Span | None:
    """What a function does last: its last return (``aspect`` "return"), or what it computes and drops; the head of one
    that drops nothing. It begins on the line, or, where that is 0, has the full name."""
    functions = file.nodes(cst.FunctionDef)
    heads = file.locate([*functions, *(d for f in functions for d in f.decorators)])
    found = [f for f in functions if line in {heads[one].line for one in (f, *f.decorators)}]
    if line == 0:
        node = file.definition(name.split("."))
        found = [node] if isinstance(node, cst.FunctionDef) else []
    if len(found) != 1:
        return None
    if aspect == "return":
        last = [node for node in own_nodes(found[0].body) if isinstance(node, cst.Return)]
        return _span(file, last[-1]) if last else None
    dropped = dropped_at_end(file, found[0])
    return _span(file, dropped[0].statement if len(dropped) == 1 else found[0].name)


# -- a layer ----------------------------------------------------------------------------------------------------------


def _attribute(file: File, holder: str, name: str) -> tuple[File, cst.BaseExpression] | None:
    """The one value that a class gives to an attribute of self; the constructor's, where several methods write it."""
    last = holder.rpartition(".")[2]
    found = [node for node in file.nodes(cst.ClassDef) if node.name.value == last]
    facts = file.classes.of(found[0]) if len(found) == 1 else None
    for owner in facts.ancestry if facts is not None else ():
        writes = [write for write in owner.attributes.get(name, ()) if write.value is not None]
        first = [write for write in writes if write.method.name.value == "__init__"]
        if writes:
            chosen = (first or writes)[0].value
            return (owner.file, chosen) if len(first or writes) == 1 and chosen is not None else None
    return None


def _variable(file: File, name: str) -> tuple[File, cst.BaseExpression] | None:
    """The one value that a variable is given in the file, whichever function it is of: `net = net.to(device)` aside."""
    values = []
    for node in file.mentions.get(name, ()):
        above = file.parent(node)
        if isinstance(above, (cst.AssignTarget, cst.AnnAssign)) and above.target is node:
            assign = file.parent(above) if isinstance(above, cst.AssignTarget) else above
            value = assign.value if isinstance(assign, (cst.Assign, cst.AnnAssign)) else None
            if value is not None and not any(n.value == name for n in file.below(value, cst.Name)):
                values.append(value)
    return (file, values[0]) if len(values) == 1 else None


def _part(file: File, node: cst.BaseExpression, part: str) -> tuple[File, cst.BaseExpression] | None:
    """The expression that makes one member of a Sequential, ModuleList or ModuleDict, or an attribute of a class."""
    found = [_unwrapped(origin.file, origin.node) for origin in origins(file, node)]
    if len(found) != 1 or not isinstance(call := found[0][1], cst.Call):
        return None
    file = found[0][0]
    name = file.name(call.func) or ""
    if name.rpartition(".")[2] in ("Sequential", "ModuleList", "ModuleDict"):
        member = _member(file, call, part)
        return (file, member) if member is not None else None
    facts = file.classes.named(name)
    return _attribute(facts.file, facts.name, part) if facts is not None else None


def _unwrapped(file: File, node: cst.BaseExpression) -> tuple[File, cst.BaseExpression]:
    """The expression that builds a module, without what gives it back: `net.to(device)`, `torch.compile(net)`."""
    for _ in range(_HOPS):
        inner: cst.BaseExpression | None = None
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _SAME_MODULE:
            inner = node.func.value
        elif isinstance(node, cst.Call) and node.args and file.name(node.func) == "torch.compile":
            inner = node.args[0].value
        found = origins(file, inner) if inner is not None else []
        if len(found) != 1:
            return file, node
        file, node = found[0].file, found[0].node
    return file, node


def _member(file: File, call: cst.Call, part: str) -> cst.BaseExpression | None:
    args = [arg for arg in call.args if arg.keyword is None]
    only = _followed(file, args[0].value) if len(args) == 1 else None
    if isinstance(only, cst.Dict):
        for element in only.elements:
            if isinstance(element, cst.DictElement) and literal(element.key) == part:
                return element.value
        return None
    if isinstance(only, (cst.ListComp, cst.GeneratorExp)):
        return only.elt
    items: list[cst.BaseExpression | None] = [None if arg.star else arg.value for arg in args]
    if isinstance(only, cst.List):
        elements = only.elements
        items = [None if isinstance(one, cst.StarredElement) else one.value for one in elements]
    if not part.isdigit() or int(part) >= len(items) or None in items[: int(part)]:
        return None
    return items[int(part)]


def _followed(file: File, node: cst.BaseExpression) -> cst.BaseExpression:
    """The one literal that a name stands for, where it stands for one in this file; else the node itself."""
    found = [origin for origin in origins(file, node) if origin.file is file]
    return found[0].node if len(found) == 1 else node


# -- a value ----------------------------------------------------------------------------------------------------------


def node_at(file: File, place: Span, code: str) -> cst.BaseExpression | None:
    """The node of that text at the place, or in the statement around it, or (a local name) anywhere on its line."""
    found = re.search(r"[^\W\d]\w*", code)
    first = found[0] if found is not None else ""
    names = file.mentions.get(first, [])
    spans = file.locate(names)
    inside = [n for n in names if place.start <= spans[n].start and spans[n].end <= place.end]
    for name in inside or [n for n in names if spans[n].line == place.line] or _near(file, names, spans, place):
        node: cst.CSTNode | None = name
        while node is not None:
            if isinstance(node, cst.BaseExpression) and file.code(node) == code:
                return node
            node = file.parent(node) if len(code) > len(first) and not isinstance(node, cst.BaseStatement) else None
    return None


def _near(file: File, names: list[cst.Name], spans: dict[cst.CSTNode, Span], place: Span) -> list[cst.Name]:
    """The mentions in the function that the place is in, the last ones before it first."""
    functions = file.nodes(cst.FunctionDef)
    extents = file.locate(functions)
    around = [f for f in functions if extents[f].line <= place.line <= extents[f].end_line]
    inner = max(around, key=lambda f: extents[f].line, default=None)
    before = [n for n in names if file.function(n) is inner and spans[n].line <= place.line]
    return sorted(before, key=lambda n: spans[n].start, reverse=True)


def before(file: File, node: cst.BaseExpression, place: Span) -> tuple[cst.BaseExpression | None, Span] | None:
    """The last assignment to it before the place: the value (None where it is not one expression) and its span."""
    while isinstance(node, (cst.Subscript, cst.UnaryOperation)):
        node = node.value if isinstance(node, cst.Subscript) else node.expression
    if isinstance(node, cst.Attribute):
        return _of_self(file, node)
    if not isinstance(node, cst.Name):
        return None
    found = file.scopes.find(node.value, node)
    if found is None:
        return None
    spots = {
        binding: _spot(file, binding) for binding in found[1] if binding.kind in ("assign", "augment", "loop", "with")
    }
    spans = file.locate([spot for spot in spots.values() if spot is not None])
    earlier = [
        (spans[spot].end, binding, spans[spot])
        for binding, spot in spots.items()
        if spot is not None and (spans[spot].end <= place.start or found[0].node is not file.scopes.of(node).node)
    ]
    if not earlier:
        return None
    _, binding, span = max(earlier, key=lambda one: one[0])
    return binding.value, span


def _of_self(file: File, node: cst.Attribute) -> tuple[cst.BaseExpression | None, Span] | None:
    found = origins(file, node, depth=1)
    if len(found) == 1 and found[0].node is not node:
        return None, _span(found[0].file, found[0].node)
    value = _registered(file, node)
    return (None, _span(*value)) if value is not None else None


def _registered(file: File, node: cst.Attribute) -> tuple[File, cst.BaseExpression] | None:
    """What a class registers under a name of self, as `self.register_buffer("mask", value)`; None where twice."""
    facts = owner_of_self(file, node.value)
    found = [
        (owner.file, arg)
        for owner in (facts.ancestry if facts is not None else ())
        for method in owner.methods.values()
        for call in owner.file.below(method, cst.Call)
        if isinstance(call.func, cst.Attribute)
        and call.func.attr.value in ("register_buffer", "register_parameter")
        and (name := owner.file.argument(call, 0, "name")) is not None
        and literal(name) == node.attr.value
        and (arg := owner.file.argument(call, 1, "tensor")) is not None
    ]
    return found[0] if len(found) == 1 else None


def _spot(file: File, binding: Binding) -> cst.CSTNode | None:
    """What is shown of an assignment: its value; of a loop, what it goes over."""
    if binding.value is not None:
        return binding.value
    node = binding.node
    if isinstance(node, cst.AssignTarget):
        above = file.parent(node)
        return above.value if isinstance(above, cst.Assign) else None
    if isinstance(node, (cst.For, cst.CompFor)):
        return node.iter
    return node.value if isinstance(node, cst.AugAssign) else None


def _kept(value: cst.BaseExpression | None, keeping: frozenset[str]) -> cst.BaseExpression | None:
    """What an expression leaves as it was in this aspect: `x.view(2, 3)` leaves the dtype of x; None for all else."""
    found = None
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute) and value.func.attr.value in keeping:
        found = value = value.func.value
    if isinstance(value, cst.Name) and found is None:
        return value
    return found if isinstance(found, (cst.Name, cst.Attribute)) else None


def _span(file: File, node: cst.CSTNode) -> Span:
    return file.locate([node])[node]
