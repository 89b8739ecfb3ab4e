"""Layers and inputs that are handed on: a block of a model is not to blame for what it is made for and called with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.literals import MISSING, literal
from torchdoctor.facts.values import Made

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.refusal import Refused


def is_handed_on(refused: Refused) -> bool:
    """Whether a layer refuses what its function was given, and was itself made for what its constructor was given."""
    made = refused.refusal.layer
    if made is None and isinstance(refused.callee, Made):
        made = refused.callee.call
    if not isinstance(made, cst.Call) or made is refused.node or not made.args:
        return False
    owner = refused.file if refused.file.holds(made) else None
    return _is_parameter(refused.file, refused.node) and owner is not None and _comes_from_outside(owner, made)


def _is_parameter(file: File, call: cst.CSTNode) -> bool:
    """Whether the call's first argument is what the function was called with, as it came."""
    if not isinstance(call, cst.Call) or not call.args or not isinstance(name := call.args[0].value, cst.Name):
        return False
    found = file.scopes.find(name.value, name)
    if found is None:
        return False
    order, (_, bindings) = file.tree.order, found
    before = [one for one in bindings if one.kind == "parameter" or order[one.node] < order[call]]
    # `x = self.conv(x)` binds the name after the call, though it stands before it.
    before = [one for one in before if one.value is None or not _holds(file, one.value, call)]
    return [one.kind for one in before] == ["parameter"]


def _holds(file: File, value: cst.CSTNode, node: cst.CSTNode) -> bool:
    return value is node or any(above is value for above in file.ancestors(node))


def _comes_from_outside(file: File, made: cst.Call) -> bool:
    """Whether the first size that a layer is made with hangs on a parameter of the function that makes it."""
    first, function = made.args[0].value, file.function(made)
    if function is None or literal(first) is not MISSING:
        return False
    params = {param.name.value for param in (*function.params.params, *function.params.kwonly_params)}
    return any(isinstance(node, cst.Name) and node.value in params for node in file.below(first, cst.Name))
