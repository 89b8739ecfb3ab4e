"""Weights that are kept for later: what is kept shares its tensors with the model, or is a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.origins import assigned

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_SHALLOW = frozenset({"builtins.dict", "collections.OrderedDict", "copy.copy"})
# Methods and attributes of a tensor that give the same memory: `.cpu()` where it lies on the CPU already.
_SHARING = frozenset({"cpu", "detach", "data", "numpy", "to", "contiguous"})
_ON_CPU = frozenset({"cpu", "to", "numpy"})
_APPENDING = frozenset({"append", "appendleft"})


@dataclass(frozen=True, slots=True)
class Alias:
    """An expression whose value shares the tensors of ``module``.

    ``tensor``: the part of a comprehension that stands for each tensor. ``on_cpu``: only where the model is on the CPU.
    """

    node: cst.BaseExpression
    module: cst.BaseExpression
    tensor: cst.BaseExpression | None = None
    on_cpu: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """An alias that a statement keeps: in a variable, an attribute, an item or a list (``holder`` is what is left)."""

    statement: cst.CSTNode
    holder: cst.BaseExpression
    alias: Alias


def kept(file: File) -> Iterator[Kept]:
    """Where a file keeps a module, or tensors of one, in something that lasts."""
    for assign in file.nodes(cst.Assign):
        for target in assign.targets:
            yield from _pairs(file, assign, target.target, assign.value)
    for annotated in file.nodes(cst.AnnAssign):
        if annotated.value is not None:
            yield from _pairs(file, annotated, annotated.target, annotated.value)
    for call in (call for method in _APPENDING for call in file.calls_by_method.get(method, ())):
        assert type(call.func) is cst.Attribute
        if len(call.args) == 1 and (alias := aliased(file, call.args[0].value)) is not None:
            yield Kept(call, call.func.value, alias)


def _pairs(file: File, node: cst.CSTNode, target: cst.BaseExpression, value: cst.BaseExpression) -> Iterator[Kept]:
    if isinstance(target, (cst.Tuple, cst.List)):
        if isinstance(value, (cst.Tuple, cst.List)) and len(value.elements) == len(target.elements):
            for part, given in zip(target.elements, value.elements, strict=True):
                yield from _pairs(file, node, part.value, given.value)
        return
    holder = target
    while type(holder) is cst.Subscript:
        holder = holder.value
    alias = aliased(file, value)
    if alias is None and isinstance(value, (cst.Name, cst.Attribute)) and not value.deep_equals(target):
        if type(value) is cst.Name and value.value in ("None", "True", "False"):
            return
        alias = Alias(value, value)  # a module itself, if it is one
    if alias is not None and isinstance(holder, (cst.Name, cst.Attribute)):
        yield Kept(node, holder, alias)


def aliased(file: File, node: cst.BaseExpression, depth: int = 4) -> Alias | None:
    """What an expression shares with a module; None where it makes copies, or nothing is known."""
    if depth == 0:
        return None
    if type(node) is cst.Call:
        return _called(file, node, depth)
    if type(node) is cst.Dict:
        for element in node.elements:
            if (found := aliased(file, element.value, depth - 1)) is not None:
                return found if type(element) is cst.DictElement else Alias(node, found.module, None, found.on_cpu)
    if type(node) is cst.DictComp:
        return _comprehended(file, node, depth)
    if type(node) is cst.Name:
        values = assigned(file, node)
        found = aliased(file, values[0], depth - 1) if len(values) == 1 else None
        return Alias(node, found.module, None, found.on_cpu) if found is not None else None
    return None


def _called(file: File, node: cst.Call, depth: int) -> Alias | None:
    found: Alias | None = None
    if type(node.func) is cst.Attribute:
        if node.func.attr.value == "state_dict":
            return Alias(node, node.func.value)
        if node.func.attr.value == "copy" and not node.args:
            found = aliased(file, node.func.value, depth - 1)
    one = len(node.args) == 1 and node.args[0].keyword is None and not node.args[0].star
    if found is None and one and file.name(node.func) in _SHALLOW:
        inner = node.args[0].value
        if type(inner) is cst.Call and type(inner.func) is cst.Attribute and inner.func.attr.value == "items":
            inner = inner.func.value
        found = aliased(file, inner, depth - 1)
    if found is None:
        return None
    return Alias(node if found.tensor is None else found.node, found.module, found.tensor, found.on_cpu)


def _comprehended(file: File, node: cst.DictComp, depth: int) -> Alias | None:
    """`{k: v.cpu() for k, v in net.state_dict().items()}`, `{n: p.data for n, p in net.named_parameters()}`."""
    clause = node.for_in
    source = clause.iter
    if clause.inner_for_in is not None or type(source) is not cst.Call or type(source.func) is not cst.Attribute:
        return None
    if type(clause.target) is not cst.Tuple or len(clause.target.elements) != 2:
        return None
    if source.func.attr.value == "items":
        inner = aliased(file, source.func.value, depth - 1)
        module = inner.module if inner is not None else None
    else:
        module = source.func.value if source.func.attr.value in ("named_parameters", "named_buffers") else None
    item, part, on_cpu = clause.target.elements[1].value, node.value, False
    while isinstance(part, (cst.Call, cst.Attribute)):
        method = part.func if type(part) is cst.Call else part
        if type(method) is not cst.Attribute or method.attr.value not in _SHARING:
            return None
        if method.attr.value == "to" and not (type(part) is cst.Call and _is_cpu(file, part)):
            return None
        on_cpu = on_cpu or method.attr.value in _ON_CPU
        part = method.value
    return Alias(node, module, node.value, on_cpu) if module is not None and part.deep_equals(item) else None


def _is_cpu(file: File, call: cst.Call) -> bool:
    given = [arg.value for arg in call.args]
    if len(given) == 1 and isinstance(given[0], cst.Call) and file.name(given[0].func) == "torch.device":
        given = [arg.value for arg in given[0].args]
    return len(given) == 1 and file.constant(given[0]) == "cpu"


def is_used_as_object(file: File, node: cst.BaseExpression) -> bool:
    """Whether what the name stands for is called, or has attributes: a model has, a number has not."""
    name = node.attr if type(node) is cst.Attribute else node
    for mention in file.mentions.get(name.value, ()) if type(name) is cst.Name else ():
        above = file.parent(mention)
        whole = above if type(above) is cst.Attribute and above.attr is mention else mention
        user = file.parent(whole)
        if isinstance(user, (cst.Attribute, cst.Call)) and whole in (
            getattr(user, "value", None),
            getattr(user, "func", None),
        ):
            return True
    return False


def comes_again(file: File, found: Kept) -> bool:
    """Whether the module may be trained after it was kept: a cheap question, asked before the costly ones."""
    if "backward" in file.mentions or file.enclosing(found.statement, cst.For, cst.While) is not None:
        return True
    root: cst.BaseExpression = found.alias.module
    while type(root) is cst.Attribute:
        root = root.value
    if type(root) is not cst.Name or root.value == "self":
        return True
    own = found.statement, *file.below(found.statement, cst.Name)
    at = max(file.tree.order[node] for node in own)
    return any(file.tree.order[name] > at for name in file.mentions.get(root.value, ()))


def copied(file: File, alias: Alias) -> tuple[cst.BaseExpression, str] | None:
    """The part of the alias to write anew, and the text that makes a copy of it; None where `copy` is not at hand."""
    if alias.tensor is not None:
        code = file.code(alias.tensor)
        return alias.tensor, f"{code}.copy()" if code.endswith(".numpy()") else f"{code}.clone()"
    code = file.code(alias.node)
    deepcopy = _deepcopy(file, alias.node)
    if deepcopy is not None:
        return alias.node, f"{deepcopy}({code})"
    call = alias.node
    if type(call) is cst.Call and type(call.func) is cst.Attribute and call.func.attr.value == "state_dict":
        return alias.node, f"{{k: v.clone() for k, v in {code}.items()}}"
    return None


def _deepcopy(file: File, at: cst.CSTNode) -> str | None:
    """How the file calls copy.deepcopy at that place."""
    for name, text in (("copy", "copy.deepcopy"), ("deepcopy", "deepcopy")):
        found = file.scopes.find(name, at)
        if found is not None and all(binding.kind == "import" for binding in found[1]):
            if file.names.of_import(found[1][0].node) in ("copy", "copy.deepcopy"):
                return text
    return None
