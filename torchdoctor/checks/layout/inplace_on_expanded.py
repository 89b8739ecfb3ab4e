"""Finds writes in place to a tensor that `expand` made: its repeated elements are one in memory."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.layout import short
from torchdoctor.facts.literals import literal
from torchdoctor.facts.torch_api import is_inplace
from torchdoctor.facts.values import Size, Tensor

_WORDS = frozenset({"expand", "expand_as", "broadcast_to", "broadcast_tensors"})
# In place, but without a write to the elements; or of one value for all of them, which is what the writer means.
_HARMLESS = frozenset({
    "requires_grad_", "zero_", "fill_", "detach_", "squeeze_", "unsqueeze_", "transpose_", "t_", "swapaxes_",
    "swapdims_", "share_memory_", "retain_grad", "resize_", "set_", "as_strided_",
})  # fmt: skip


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    flows = file.flows.touching(_WORDS)
    for node, target, deed in _writes(file):
        made = next((made for flow in flows if (made := _repeated(target, flow)) is not None), None)
        if made is not None:
            yield _found(file, node, target, deed, made)


def _writes(file: File) -> Iterator[tuple[cst.CSTNode, cst.BaseExpression, str]]:
    """Each write in place: the statement or call, the tensor written to, and how."""
    for method, calls in file.calls_by_method.items():
        if is_inplace(method) and method not in _HARMLESS:
            for call in calls:
                assert isinstance(call.func, cst.Attribute)
                yield call, call.func.value, f"`{method}`"
    for augmented in file.nodes(cst.AugAssign):
        target = augmented.target
        if isinstance(target, (cst.Name, cst.Attribute)):
            yield augmented, target, f"`{file.code(augmented.operator).strip()}`"
    for assign in file.nodes(cst.Assign):
        for part in assign.targets:
            if isinstance(part.target, cst.Subscript):
                yield assign, part.target.value, "an assignment to an item"


def _repeated(node: cst.BaseExpression, flow: Flow) -> cst.CSTNode | None:
    """What expanded the tensor, where one of its dimensions is repeated in memory."""
    value = flow.value(node)
    if not isinstance(value, Tensor):
        return None
    if value.layout is None:
        return value.source if _is_of_a_new_dimension(value) else None
    return value.layout.because if any(axis.repeated for axis in value.layout.value) else None


def _is_of_a_new_dimension(tensor: Tensor) -> bool:
    """`x.unsqueeze(0).expand(8, -1, -1)` repeats dimension 0, however many x has."""
    call = tensor.views.source if isinstance(tensor.views, Tensor) else None
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute) or tensor.shape is None:
        return False
    dim = literal(call.args[0].value) if call.func.attr.value == "unsqueeze" and len(call.args) == 1 else None
    if not isinstance(dim, int) or not 0 <= dim < len(tensor.shape.value):
        return False
    size = tensor.shape.value[dim]
    return size not in (1, None) and not (isinstance(size, Size) and size.of == tensor.views)


def _found(file: File, node: cst.CSTNode, target: cst.BaseExpression, deed: str, made: cst.CSTNode) -> Found:
    here = file.holds(made) and isinstance(made, cst.Call)
    return Found(
        node,
        f"{deed} writes to `{short(file, target)}`, whose expanded dimension is one piece of memory for all rows",
        marks=((made, "expanded here, without a copy"),) if here else (),
        swaps=(Swap(made, f"{file.code(made)}.clone()"),) if here else (),
    )
