"""What is done with a tensor attribute that learns: is it told to, and does somebody train it by hand?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts, Write
from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.tree import own_nodes

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Calls that make of a tensor what a module registers.
_REGISTERING = frozenset({"register_parameter", "register_buffer", "setattr"})


def gets_gradients_later(file: File, write: Write) -> cst.CSTNode | None:
    """`self.w.requires_grad_()` or `w.requires_grad = True` in the method that writes the attribute; None without."""
    wanted = {file.code(write.target)}
    if isinstance(write.value, cst.Name):
        wanted.add(write.value.value)
    for node in own_nodes(write.method.body):
        if (
            isinstance(node, cst.Call)
            and isinstance(node.func, cst.Attribute)
            and node.func.attr.value == "requires_grad_"
        ):
            asked = file.argument(node, 0, "requires_grad")
            if file.code(node.func.value) in wanted and (asked is None or file.constant(asked) is True):
                return node
        if isinstance(node, cst.Assign) and file.constant(node.value) is True:
            for target in (t.target for t in node.targets):
                if isinstance(target, cst.Attribute) and target.attr.value == "requires_grad":
                    if file.code(target.value) in wanted:
                        return node
    return None


def is_trained_by_hand(facts: ClassFacts, attribute: str) -> bool:
    """Whether the file hands the attribute to an optimizer, collects it, reads its gradient or registers it anew."""
    file = facts.file
    for node in file.nodes(cst.Attribute):
        if node.attr.value == attribute and any(_takes(file, *pair) for pair in _around(file, node)):
            return True
    return False


def _around(file: File, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """What stands around an expression, up to its statement, each with the child that leads to it."""
    child = node
    for above in file.ancestors(node):
        if isinstance(above, (cst.SimpleStatementLine, cst.BaseCompoundStatement, cst.BaseSuite)):
            return
        yield above, child
        child = above


def _takes(file: File, above: cst.CSTNode, child: cst.CSTNode) -> bool:
    if isinstance(above, cst.Attribute):
        return above.attr.value == "grad"
    if isinstance(above, cst.Call) and child is not above.func:
        name = file.name(above.func) or ""
        called = above.func.attr.value if isinstance(above.func, cst.Attribute) else name.rpartition(".")[2]
        if "optimizer" in kinds_of(name) or name in ("torch.autograd.grad", "torch.nn.Parameter"):
            return True
        return called in _REGISTERING or called in ("add_param_group", "append", "extend")
    if isinstance(above, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
        call = next((a for a, _ in _around(file, above) if isinstance(a, cst.Call)), None)
        name = (file.name(call.func) if call is not None else None) or ""
        return not name.startswith("torch.") or "optimizer" in kinds_of(name)
    return isinstance(above, cst.Yield)
