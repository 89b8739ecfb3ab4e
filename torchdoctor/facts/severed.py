"""Where a value that is known to have no graph was cut from it: looked for from its use backwards.

The run says that it was cut, and which names still require a gradient; so the text only has to say where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.origins import called_function, returned
from torchdoctor.facts.whence import before, node_at
from torchdoctor.finding import Span

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_METHODS = frozenset(
    {"detach", "item", "numpy", "tolist", "argmax", "argmin", "long", "int", "bool", "byte", "detach_"}
)
_CALLS = frozenset(
    {"torch.tensor", "torch.as_tensor", "torch.from_numpy", "torch.argmax", "torch.argmin", "torch.Tensor"}
)
_MODES = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad"})
_DEPTH = 6


def cut(file: File, place: Span, code: str, tracked: Mapping[str, bool]) -> Span | None:
    """The place that ended the graph of what ``code`` is at ``place``; None where it cannot be told.

    ``tracked`` tells of names of the frame whether their tensor requires a gradient: what is called on one that does
    not has cut nothing.
    """
    node = node_at(file, place, code)
    found = None if node is None else _cut(file, node, place, tracked, _DEPTH)
    return None if found is None else found[0].locate([found[1]])[found[1]]


def _cut(
    file: File, node: cst.BaseExpression, place: Span, tracked: Mapping[str, bool], depth: int
) -> tuple[File, cst.CSTNode] | None:
    if (mode := _mode(file, node)) is not None:
        return file, mode
    if (here := next(_cutting(file, node, tracked), None)) is not None:
        return file, here
    if depth == 0:
        return None
    for name in file.below(node, cst.Name):
        if tracked.get(name.value) or _is_called(file, name):
            continue
        step = before(file, name, place)
        if step is not None and step[0] is not None and step[0] is not node:
            if (found := _cut(file, step[0], step[1], tracked, depth - 1)) is not None:
                return found
    for call in file.below(node, cst.Call):
        function = called_function(file, call)
        if function is None and (decorator := _decorated(file, call)) is not None:
            return file, decorator
        for owner, value in returned(*function) if function is not None else ():
            if (found := _cut(owner, value, owner.locate([value])[value], {}, depth - 1)) is not None:
                return found
    return None


def _cutting(file: File, node: cst.BaseExpression, tracked: Mapping[str, bool]) -> Iterator[cst.CSTNode]:
    for call in file.below(node, cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in _METHODS:
            if _may_be_tracked(call.func.value, tracked):
                yield call
        elif file.name(call.func) in _CALLS and call.args and not isinstance(call.args[0].value, cst.List):
            yield call
    for attribute in file.below(node, cst.Attribute):
        if attribute.attr.value == "data" and _may_be_tracked(attribute.value, tracked):
            yield attribute
    for comparison in file.below(node, cst.Comparison):
        if _may_be_tracked(comparison.left, tracked):
            yield comparison


def _may_be_tracked(node: cst.BaseExpression, tracked: Mapping[str, bool]) -> bool:
    """A name that requires a gradient, or an expression that calls something: a bare name that does not is data."""
    if isinstance(node, cst.Name):
        return tracked.get(node.value, False)
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    return isinstance(node, cst.Call) or (isinstance(node, cst.Name) and tracked.get(node.value, False))


def _mode(file: File, node: cst.CSTNode) -> cst.CSTNode | None:
    """The `with torch.no_grad()` or the decorator that the expression stands under."""
    for above in file.ancestors(node):
        if isinstance(above, cst.With):
            for item in above.items:
                if isinstance(item.item, cst.Call) and file.name(item.item.func) in _MODES:
                    return item.item
        elif isinstance(above, cst.FunctionDef) and (decorator := _mode_of(file, above)) is not None:
            return decorator
    return None


def _decorated(file: File, call: cst.Call) -> cst.CSTNode | None:
    """The `@torch.no_grad()` on a method of self, or a function of the file, that is called."""
    name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    found = [f for f in file.nodes(cst.FunctionDef) if isinstance(name, cst.Name) and f.name.value == name.value]
    return _mode_of(file, found[0]) if len(found) == 1 else None


def _mode_of(file: File, function: cst.FunctionDef) -> cst.CSTNode | None:
    for decorator in function.decorators:
        called = decorator.decorator
        if file.name(called.func if isinstance(called, cst.Call) else called) in _MODES:
            return called
    return None


def _is_called(file: File, name: cst.Name) -> bool:
    above = file.parent(name)
    return isinstance(above, cst.Call) and above.func is name
