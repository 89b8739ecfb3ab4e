"""Tensors that a class makes once and keeps as plain attributes: no parameter, no buffer."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, Write
from torchdoctor.facts.file import File
from torchdoctor.facts.initialisers import constructing

# Functions that make a tensor on the CPU. What is made like another tensor lies where that one does.
_FACTORIES = frozenset({
    "torch.zeros", "torch.ones", "torch.empty", "torch.full", "torch.rand", "torch.randn", "torch.eye",
    "torch.linspace", "torch.logspace", "torch.arange", "torch.hann_window", "torch.hamming_window", "torch.tensor",
    "torch.as_tensor", "torch.from_numpy", "torch.FloatTensor", "torch.LongTensor", "torch.Tensor",
})  # fmt: skip
# Those that take data, which may be a single number: then the tensor has no dimensions, and goes with every device.
_OF_DATA = frozenset({"torch.tensor", "torch.as_tensor"})
_LEAVING = frozenset({"to", "cuda", "item", "tolist", "numpy", "type_as", "requires_grad_", "size", "dim", "type"})
_GIVING_DIMENSIONS = frozenset({"view", "reshape", "unsqueeze", "expand", "repeat"})
_SUMS = frozenset({"torch.sum", "torch.mean", "torch.prod", "torch.max", "torch.min", "torch.norm"})
_METHODS_OF_ONE = frozenset({"sum", "mean", "prod", "max", "min", "norm", "numel", "any", "all", "squeeze"})
_ELSEWHERE = frozenset({"device", "requires_grad"})
_REGISTERING = frozenset({"register_buffer", "register_parameter", "setattr", "__setattr__", "add_module"})
_DEPTH = 6


def kept_plainly(facts: ClassFacts) -> Iterator[Write]:
    """The assignments, as an object is made, of new tensors with dimensions to attributes that stay plain."""
    file, making = facts.file, constructing(facts)
    registered = {word for owner in facts.ancestry for word in _registered(owner.file, owner.node)}
    for name, writes in facts.attributes.items():
        if name in registered or "*" in registered or len(facts.lookup(name)) != len(writes):
            continue
        if all(write.method in making and write.value is not None for write in writes):
            first = writes[0]
            if all(write.value is not None and has_dimensions(file, write.value) for write in writes):
                yield first


def _registered(file: File, node: cst.ClassDef) -> Iterator[str]:
    """The names that a class registers by calls; "*" where one is not written out."""
    for call in file.below(node, cst.Call):
        called = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if isinstance(called, cst.Name) and called.value in _REGISTERING:
            texts = [file.constant(arg.value) for arg in call.args[:2]]
            named = [text for text in texts if isinstance(text, str)]
            yield from named or ["*"]


def has_dimensions(file: File, node: cst.BaseExpression) -> bool:
    """Whether an expression makes a new tensor on the CPU that surely has a dimension."""
    return _made(file, node, _DEPTH) is True


def _made(file: File, node: cst.BaseExpression, depth: int) -> bool | None:
    """None where it is not known to make one; else whether it surely has a dimension."""
    if depth == 0:
        return None
    if isinstance(node, cst.Name):
        found = file.scopes.find(node.value, node)
        only = found[1][0] if found is not None and len(found[1]) == 1 else None
        known = only is not None and only.kind == "assign"
        return _made(file, only.value, depth - 1) if only is not None and known and only.value is not None else None
    if isinstance(node, cst.BinaryOperation):
        return _either(_made(file, node.left, depth - 1), _made(file, node.right, depth - 1))
    if isinstance(node, cst.UnaryOperation):
        return _made(file, node.expression, depth - 1)
    if isinstance(node, cst.Subscript):
        inner = _made(file, node.value, depth - 1)
        sliced = any(isinstance(part.slice, cst.Slice) for part in node.slice)
        added = any(isinstance(part.slice, cst.Index) and _is_none(part.slice.value) for part in node.slice)
        return inner if inner is None or sliced else added
    return _called(file, node, depth) if isinstance(node, cst.Call) else None


def _is_none(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def is_function(name: str) -> bool:
    """Whether a full name is that of a function of tensors: torch.tril, torch.nn.functional.pad."""
    owner, _, own = name.rpartition(".")
    return owner in ("torch", "torch.nn.functional", "torch.special", "torch.linalg") and own[:1].islower()


def _called(file: File, call: cst.Call, depth: int) -> bool | None:
    if any(arg.star or (arg.keyword is not None and arg.keyword.value in _ELSEWHERE) for arg in call.args):
        return None
    name = file.name(call.func)
    if name in _FACTORIES:
        return _is_sized(file, name, call)
    if name is not None:
        known = is_function(name)
        inner = _made(file, call.args[0].value, depth - 1) if known and call.args else None
        return inner if inner is None or name not in _SUMS else len(call.args) > 1
    if not isinstance(call.func, cst.Attribute) or call.func.attr.value in _LEAVING:
        return None
    method = call.func.attr.value
    inner = _made(file, call.func.value, depth - 1)
    if inner is None or method.startswith("register"):
        return None
    return True if method in _GIVING_DIMENSIONS and call.args else inner and method not in _METHODS_OF_ONE


def _is_sized(file: File, name: str, call: cst.Call) -> bool | None:
    """Whether what a factory makes has a dimension, and an element; None for a placeholder."""
    if not call.args:
        return None
    first = call.args[0].value
    if file.constant(first) in (0, (), []):
        return None
    if name not in _OF_DATA:
        return True
    return isinstance(first, (cst.List, cst.Tuple, cst.ListComp))


def _either(a: bool | None, b: bool | None) -> bool | None:
    return a or b if a is not None and b is not None else a if a is not None else b
