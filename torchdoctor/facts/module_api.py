"""The methods of nn.Module that PyTorch and its users call on every module, and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.layers import is_module
from torchdoctor.facts.literals import literal
from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File

# By name: the parameters as the documentation shows them, and with how many arguments it is called.
CALLS: dict[str, tuple[str, tuple[int, ...]]] = {
    "train": ("mode=True", (0, 1)),
    "eval": ("", (0,)),
    "parameters": ("recurse=True", (0,)),
    "named_parameters": ("prefix='', recurse=True", (0,)),
    "buffers": ("recurse=True", (0,)),
    "named_buffers": ("prefix='', recurse=True", (0,)),
    "modules": ("", (0,)),
    "named_modules": ("memo=None, prefix=''", (0,)),
    "children": ("", (0,)),
    "named_children": ("", (0,)),
    "state_dict": ("", (0,)),
    "load_state_dict": ("state_dict, strict=True", (1,)),
    "zero_grad": ("set_to_none=True", (0,)),
    "requires_grad_": ("requires_grad=True", (0,)),
    "apply": ("fn", (1,)),
    "to": ("device", (1,)),
    "type": ("dst_type", (1,)),
    "cuda": ("device=None", (0,)),
    "cpu": ("", (0,)),
    "half": ("", (0,)),
    "float": ("", (0,)),
    "double": ("", (0,)),
    "bfloat16": ("", (0,)),
    "share_memory": ("", (0,)),
    "register_buffer": ("name, tensor", (2,)),
    "register_parameter": ("name, param", (2,)),
    "add_module": ("name, module", (2,)),
    "get_parameter": ("target", (1,)),
    "get_submodule": ("target", (1,)),
    "get_buffer": ("target", (1,)),
}
_DATA_CALLS = frozenset({"int", "float", "bool", "str", "len", "list", "dict", "tuple", "set", "sorted", "max", "min"})
_DATA_NODES = (
    cst.List, cst.Tuple, cst.Dict, cst.Set, cst.ListComp, cst.DictComp, cst.SetComp, cst.Comparison,
    cst.FormattedString, cst.BinaryOperation, cst.UnaryOperation,
)  # fmt: skip


def accepts(function: cst.FunctionDef, count: int) -> bool:
    """Whether a method can be called on its object with that many positional arguments."""
    params = function.params
    if any(param.default is None for param in params.kwonly_params):
        return False
    positional = [*params.posonly_params, *params.params][1:]
    required = sum(param.default is None for param in positional)
    return required <= count and (count <= len(positional) or isinstance(params.star_arg, cst.Param))


def switches_mode(function: cst.FunctionDef) -> bool:
    """Whether a method switches some module's mode: by `train`, `eval` or `training`."""
    for node in own_nodes(function.body):
        if isinstance(node, cst.Attribute) and node.attr.value in ("train", "eval", "training"):
            return True
    return False


def does_other_work(function: cst.FunctionDef) -> bool:
    """Whether a `train` or `eval` that can be called as nn.Module's is nevertheless something else.

    It has a loop or runs backward, and switches no mode: neither its own, nor that of anything else.
    """
    for node in own_nodes(function.body):
        if isinstance(node, (cst.For, cst.While, cst.CompFor)):
            return not switches_mode(function)
        if isinstance(node, cst.Attribute) and node.attr.value == "backward":
            return not switches_mode(function)
    return False


def is_data(facts: ClassFacts, attribute: str, value: cst.BaseExpression) -> bool:
    """Whether what is assigned to an attribute surely is no function: a literal, a container, a module, a flag."""
    file = facts.file
    if isinstance(value, _DATA_NODES) or isinstance(literal(value), (bool, int, float, str)):
        return True
    if isinstance(value, cst.Call):
        called = value.func.value if isinstance(value.func, cst.Name) else ""
        return called in _DATA_CALLS or is_module(file, value)
    return isinstance(value, cst.Name) and (_is_data_parameter(file, value) or _is_tested(facts, attribute))


def _is_data_parameter(file: File, name: cst.Name) -> bool:
    """A parameter with an annotation or a default that no function has: `train: bool`, `half=2`."""
    found = file.scopes.find(name.value, name)
    if found is None or len(found[1]) != 1 or not isinstance(param := found[1][0].node, cst.Param):
        return False
    if param.annotation is not None:
        kind = param.annotation.annotation
        return isinstance(kind, cst.Name) and kind.value in ("bool", "int", "float", "str", "list", "dict", "tuple")
    return param.default is not None and isinstance(literal(param.default), (bool, int, float, str, tuple, list))


def _is_tested(facts: ClassFacts, attribute: str) -> bool:
    """Whether the class reads the attribute as a condition or compares it: `if self.train:`."""
    file = facts.file
    for node in file.nodes(cst.Attribute):
        if node.attr.value != attribute or not isinstance(node.value, cst.Name) or node.value.value != "self":
            continue
        if file.enclosing(node, cst.ClassDef) is not facts.node:
            continue
        parent = file.parent(node)
        if isinstance(parent, (cst.If, cst.IfExp, cst.While)) and parent.test is node:
            return True
        if isinstance(parent, (cst.Comparison, cst.BooleanOperation)):
            return True
        if isinstance(parent, cst.UnaryOperation) and isinstance(parent.operator, cst.Not):
            return True
    return False
