"""What comes of a call: whether it computes as a model does, and whether its value is used as a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Attr, Element, Free, Made, Param, Result, Self, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Methods and attributes of a tensor that neither a module nor a plain number has.
_OF_TENSORS = frozenset({
    "backward", "item", "detach", "mean", "sum", "requires_grad", "grad_fn", "data", "clone", "numpy", "tolist",
    "shape", "unsqueeze", "squeeze", "view",
})  # fmt: skip
# Methods whose returned value a framework uses as a tensor.
_STEPS = frozenset({"forward", "training_step", "validation_step", "test_step", "compute_loss"})


def is_computed(file: File, value: Value) -> bool:
    """Whether a value is a tensor of some elements, or what a thing gives that is called as models are: `net(x)`."""
    if isinstance(value, Tensor):
        return value.rank != 0
    if not isinstance(value, Result) or not isinstance(value.call, cst.Call) or not value.call.args:
        return False
    called = value.function
    if isinstance(called, Attr) and isinstance(called.of, (Self, Made)):
        facts = file.classes.named(called.of.name)
        return facts is not None and bool(facts.lookup(called.name))
    return isinstance(called, (Param, Free, Element))


def is_used_as_tensor(file: File, node: cst.BaseExpression) -> bool:
    """Whether the value of an expression, or the variable that holds it, is used as only a tensor can be."""
    if _is_operand(file, node):
        return True
    above = file.parent(node)
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        name = above.targets[0].target
        function = file.function(node) or file.module
        reads = (n for n in within(function) if isinstance(n, cst.Name) and n.value == name.value and n is not name)
        return any(_is_operand(file, read) for read in reads)
    return False


def _is_operand(file: File, node: cst.CSTNode) -> bool:
    above = file.parent(node)
    if isinstance(above, (cst.BinaryOperation, cst.UnaryOperation, cst.AugAssign)):
        return True
    if isinstance(above, cst.Attribute):
        return above.value is node and above.attr.value in _OF_TENSORS
    if isinstance(above, cst.Return):
        function = file.function(above)
        facts = file.classes.enclosing(above)
        return function is not None and function.name.value in _STEPS and facts is not None and facts.is_module
    return False
