"""Finds `module.forward(x)` where the module itself would be called.

Silent for a method's own `self.forward(...)`, for a base class's forward (by `super()` or by name), for what is not
known to be a module, in wrappers that hand on all they are given, and where calling the module is something else.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_method
from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.file import File
from torchdoctor.facts.module_values import has_own_call, holds_module
from torchdoctor.facts.spelling import text_at

_INSIDE = frozenset({"module", "_orig_mod", "__wrapped__"})


@on_method("forward")
def check(file: File, call: cst.Call) -> Iterator[Found]:
    assert isinstance(call.func, cst.Attribute)
    receiver = call.func.value
    if _is_own(file, receiver) or _hands_on(call) or _is_patched(file, receiver):
        return
    if not holds_module(file, receiver) or has_own_call(file, receiver):
        return
    name = file.code(receiver)
    shown = name if len(name) < 40 and "\n" not in name else "the module"
    text = f"`{shown}.forward(...)` runs the forward of a module and none of its hooks"
    commented = "#" in file.code(call.func)
    swaps = () if commented else (Swap(call.func, text_at(file, receiver, call)),)
    yield Found(call.func.attr, text, swaps=swaps)


def _is_own(file: File, receiver: cst.BaseExpression) -> bool:
    """`super().forward(x)`, `self.forward(x)`, and what a wrapper such as DataParallel holds."""
    if isinstance(receiver, cst.Call) and isinstance(receiver.func, cst.Name) and receiver.func.value == "super":
        return True
    if isinstance(receiver, cst.Attribute):
        return receiver.attr.value in _INSIDE
    if not isinstance(receiver, cst.Name):
        return False
    methods = [above for above in file.ancestors(receiver) if isinstance(above, cst.FunctionDef)]
    return any(receiver_name(m) == receiver.value and file.enclosing(m, cst.ClassDef) is not None for m in methods)


def _hands_on(call: cst.Call) -> bool:
    """`inner.forward(*args, **kwargs)`: a wrapper stands for the module inside it, hooks and all."""
    return bool(call.args) and all(arg.star for arg in call.args)


def _is_patched(file: File, receiver: cst.BaseExpression) -> bool:
    """Whether the file replaces the forward of this very thing, and so means the function by it."""
    wanted = f"{file.code(receiver)}.forward"
    return any(
        isinstance(target.target, cst.Attribute) and file.code(target.target) == wanted
        for assign in file.nodes(cst.Assign)
        for target in assign.targets
    )
