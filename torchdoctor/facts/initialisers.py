"""How an object of a class comes to be: which `__init__` runs which, and which methods only run while it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, receiver_name
from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 4
_MODULE = "torch.nn.Module"


def runs_module_init(facts: ClassFacts, method: cst.FunctionDef, depth: int = _DEPTH) -> bool:
    """Whether a method calls some base's `__init__`, itself or through other methods of the object.

    A call of the object's own method that is not found counts as one that does: nothing is known of it.
    """
    for node in own_nodes(method.body):
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            continue
        if node.func.attr.value in ("__init__", "__setstate__") and not _skips_module(facts, node.func.value):
            return True
        if depth and _on_self(method, node.func.value):
            called = facts.method(node.func.attr.value)
            if called is None:
                if not facts.complete and node.func.attr.value not in facts.attributes:
                    return True
            elif called[1] is not method and runs_module_init(called[0], called[1], depth - 1):
                return True
    return _takes_over_state(method)


def _on_self(method: cst.FunctionDef, receiver: cst.BaseExpression) -> bool:
    if isinstance(receiver, cst.Call) and isinstance(receiver.func, cst.Name) and receiver.func.value == "super":
        return True
    return isinstance(receiver, cst.Name) and receiver.value == receiver_name(method)


def _skips_module(facts: ClassFacts, receiver: cst.BaseExpression) -> bool:
    """`super(nn.Module, self)` looks behind nn.Module and so passes it by; `super(Net)` is bound to nothing."""
    if not (isinstance(receiver, cst.Call) and isinstance(receiver.func, cst.Name) and receiver.func.value == "super"):
        return isinstance(receiver, cst.Name) and receiver.value == "super"  # the builtin itself: `super.__init__()`
    return len(receiver.args) == 1 or (bool(receiver.args) and facts.file.name(receiver.args[0].value) == _MODULE)


def _takes_over_state(method: cst.FunctionDef) -> bool:
    """`self.__dict__ = other.__dict__` or `.update(...)`: the object is made from another one."""
    return any(isinstance(node, cst.Attribute) and node.attr.value == "__dict__" for node in own_nodes(method.body))


def uncalled_init(file: File, method: cst.FunctionDef) -> cst.Attribute | None:
    """`super().__init__` as a statement of its own, without its parentheses."""
    for node in own_nodes(method.body):
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.Attribute) and node.value.attr.value == "__init__":
            return node.value
    return None


def constructing(facts: ClassFacts) -> frozenset[cst.FunctionDef]:
    """The class's methods that run while an object is made: `__init__`, and what it calls on self, own or inherited."""
    found: set[cst.FunctionDef] = set()
    queue = [m for name in ("__init__", "__post_init__", "setup", "reset_parameters") if (m := facts.method(name))]
    while queue:
        _, method = queue.pop()
        if method in found:
            continue
        found.add(method)
        for node in own_nodes(method.body):
            if type(node) is cst.Call and type(node.func) is cst.Attribute and _on_self(method, node.func.value):
                called = facts.method(node.func.attr.value)
                if called is not None:
                    queue.append(called)
    return frozenset(found)
