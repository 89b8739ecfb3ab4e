"""Tensors whose first dimension is a batch that may hold one sample, beside dimensions that surely hold one entry."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.operations import Operation
from torchdoctor.facts.values import Const, Dim, Element, Made, Size, Tensor

# Of these a number or an array is made, whatever the number of dimensions.
_ONE_NUMBER = frozenset({
    "item", "tolist", "numpy", "mean", "sum", "max", "min", "any", "all", "numel", "argmax", "std", "norm",
})  # fmt: skip
_PASSING = frozenset({"detach", "cpu", "float", "double", "clone"})
# What puts a dimension that is missing back.
_CARING = frozenset({"dim", "ndim", "unsqueeze", "atleast_1d", "atleast_2d", "view", "reshape", "ndimension"})


def lost_batch(use: Operation) -> Tensor | None:
    """What `squeeze()` is given, where its batch is lost for one sample; None where that is not sure."""
    tensor = use.tensor()
    if tensor is None or tensor.shape is None or len(tensor.shape.value) < 2:
        return None
    batch, *rest = tensor.shape.value
    if 1 not in [dim for dim in rest if isinstance(dim, int)] or not (_of_loader(batch) or _is_given(use, tensor)):
        return None
    return None if _reads_numbers(use.file, use.node) or _is_cared_for(use.file, use.node) else tensor


def _of_loader(batch: Dim) -> bool:
    """Whether it is the batch of a loader that may end with a batch of one."""
    if not isinstance(batch, Size) or not isinstance(batch.of, Element) or batch.dim != 0:
        return False
    loader = batch.of.of
    if not isinstance(loader, Made):
        return False
    size, drops = loader.argument(1, "batch_size"), loader.argument(8, "drop_last")
    always_one = size is None or (isinstance(size, Const) and size.value in (None, 1))
    return not always_one and not (isinstance(drops, Const) and drops.value is True)


def _is_given(use: Operation, tensor: Tensor) -> bool:
    """Whether a module's method computed it with layers: how many samples it is given is not the module's to know."""
    batch = tensor.shape.value[0] if tensor.shape is not None else None
    owner = use.file.classes.enclosing(use.node)
    function = use.file.function(use.node)
    inside = owner is not None and owner.is_module and function is not None and function.name.value != "__init__"
    several = (isinstance(batch, int) and batch > 1) or isinstance(batch, Size)
    return inside and several and bool(tensor.models)


def _reads_numbers(file: File, node: cst.CSTNode) -> bool:
    """Whether numbers are read out of the result right away, or it is a mere index."""
    above, call = file.parent(node), node
    while isinstance(above, cst.Attribute) and above.value is call:
        if above.attr.value in _ONE_NUMBER:
            return True
        if above.attr.value not in _PASSING:
            return False
        call = file.parent(above) or call
        above = file.parent(call)
    return isinstance(above, cst.Index)


def _is_cared_for(file: File, node: cst.CSTNode) -> bool:
    """Whether the variable that gets the result is asked for its dimensions, or given them back."""
    assign = file.parent(node)
    target = assign.targets[0].target if isinstance(assign, cst.Assign) else None
    if not isinstance(target, cst.Name):
        return False
    found = file.scopes.find(target.value, node)
    for name in file.mentions.get(target.value, ()):
        above = file.parent(name)
        if isinstance(above, cst.Attribute) and above.value is name and above.attr.value in _CARING:
            after = file.tree.order[name] > file.tree.order[node]
            if after and found is not None and file.scopes.find(name.value, name) is not None:
                return True
    return False
