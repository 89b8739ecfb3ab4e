"""The relative shift of attention: it gives a tensor the sizes of other dimensions on purpose, to move its rows."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.origins import origins

_PADDING = frozenset({"torch.nn.functional.pad", "torch.cat", "torch.concat"})


def is_relative_shift(file: File, call: cst.Call, found: Mapping[cst.Call, tuple[int, ...]]) -> bool:
    """Whether a `view` or `reshape` is a part of one; ``found``: those that ask for another order, with the order."""
    if _is_padded(file, call) or _is_cut_anew(file, call):
        return True
    return any(_undoes(file, call, other, found[call], back) for other, back in found.items())


def _is_padded(file: File, call: cst.Call) -> bool:
    """Whether the tensor was padded first, and drops a row afterwards."""
    given = _input_of(file, call)
    made = origins(file, given) if given is not None else []
    return any(isinstance(one.node, cst.Call) and one.file.name(one.node.func) in _PADDING for one in made)


def _is_cut_anew(file: File, call: cst.Call) -> bool:
    """Whether a slice of the result is given sizes again."""
    function = file.function(call)
    methods = [other for name in ("view", "reshape") for other in file.calls_by_method.get(name, ())]
    for other in methods:
        if other is call or file.function(other) is not function:
            continue
        for value in _values(file, _input_of(file, other)):
            if isinstance(value, cst.Subscript) and call in _values(file, value.value):
                return True
    return False


def _values(file: File, node: cst.BaseExpression | None) -> list[cst.BaseExpression]:
    """What a variable is given anywhere; the expression itself where it is none."""
    if not isinstance(node, cst.Name):
        return [node] if node is not None else []
    return file.scopes.values(node)


def _undoes(file: File, call: cst.Call, other: cst.Call, order: tuple[int, ...], back: tuple[int, ...]) -> bool:
    """Whether the same function does the inverse too."""
    if other is call or file.function(other) is not file.function(call) or len(order) != len(back):
        return False
    return all(back[place] == at for at, place in enumerate(order))


def _input_of(file: File, call: cst.Call) -> cst.BaseExpression | None:
    """What is given other sizes: of `x.view(...)` and of `torch.reshape(x, ...)` the x."""
    if isinstance(call.func, cst.Attribute) and file.name(call.func) is None:
        return call.func.value
    return call.args[0].value if call.args else None
