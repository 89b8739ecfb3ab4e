"""Grad mode: what decorators and `with` statements do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.events import GradMode
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Attr, Const, Made, Method, Named, OneOf, Result, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.run import Run

OFF = frozenset({"torch.no_grad", "torch.inference_mode"})
ON = frozenset({"torch.enable_grad"})
_SETTER = "torch.set_grad_enabled"
_SWITCHES = frozenset(name.rpartition(".")[2] for name in (*OFF, *ON, _SETTER))
# Decorators that leave grad mode alone.
_NEUTRAL = (
    "builtins.", "functools.", "abc.", "typing.", "typing_extensions.", "contextlib.", "dataclasses.", "torch.jit.",
    "torch.compile", "torch.amp.", "pytest.", "click.", "hydra.", "atexit.", "warnings.", "torch._dynamo.",
    "torch.library.", "torch.autograd.function.", "torch.fx.", "overrides.", "numba.", "unittest.", "lightning.",
)  # fmt: skip


def grad_of_decorators(function: cst.FunctionDef, file: File) -> GradMode | None:
    """The grad mode that a function's decorators give its body; None where they leave it alone."""
    for decorator in function.decorators:
        call = decorator.decorator
        name = file.name(call.func if isinstance(call, cst.Call) else call)
        mode = _mode_of(name, call, file)
        if mode is not None:
            return mode
    return None


def _mode_of(name: str | None, node: cst.BaseExpression, file: File) -> GradMode | None:
    if name in OFF or name in ON or name == _SETTER:
        argument = file.argument(node, 0, "mode") if isinstance(node, cst.Call) else None
        given = (
            file.constant(argument, default=None)
            if argument is not None
            else (name not in ON if name != _SETTER else None)
        )
        if name in OFF:
            return GradMode(not given if isinstance(given, bool) else None, node)
        return GradMode(True, node) if name in ON else GradMode(given if isinstance(given, bool) else None, node)
    if name is not None and name.startswith(_NEUTRAL):
        return None
    if isinstance(node, cst.Attribute) and node.attr.value in ("setter", "getter", "deleter"):
        return None
    if name is not None and name.startswith(f"{file.module_name}."):
        return _touches_grad(name, node, file)
    return GradMode(None, node)


def _touches_grad(name: str, node: cst.BaseExpression, file: File) -> GradMode | None:
    """A decorator or context manager of the project: it may change grad mode if it speaks of it."""
    found = defined(file, name)
    if found is None:
        return GradMode(None, node)
    owner, definition = found
    names = {owner.name(part) for part in within(definition) if isinstance(part, (cst.Name, cst.Attribute))}
    return GradMode(None, node) if names & (OFF | ON | {_SETTER}) else None


def opened_grad(value: Value, node: cst.BaseExpression, run: Run) -> GradMode | None:
    """The grad mode inside `with value:`; None where the context has nothing to do with it."""
    if isinstance(value, OneOf):
        modes = [opened_grad(option, node, run) for option in value.options]
        return GradMode(None, node) if any(mode is not None for mode in modes) else None
    name = value.name if isinstance(value, (Made, Named)) else None
    if isinstance(value, Result) and isinstance(value.function, Named):
        name = value.function.name
    elif isinstance(value, Result) and isinstance(value.function, Attr | Method) and value.function.name in _SWITCHES:
        return GradMode(None, node)  # of what is perhaps torch, imported when it is needed
    if name in ON:
        return GradMode(True, node)
    if name in OFF and isinstance(value, Made):
        given = value.argument(0, "mode")
        if given is None:
            return GradMode(False, node)
        return GradMode(not given.value if isinstance(given, Const) and isinstance(given.value, bool) else None, node)
    if name == _SETTER and isinstance(value, Made):
        given = value.argument(0, "mode")
        return GradMode(given.value if isinstance(given, Const) and isinstance(given.value, bool) else None, node)
    if name is not None and (run.file.neighbours is not None or name.startswith(run.file.module_name)):
        if _is_of_project(name, run.file):
            return _touches_grad(name, node, run.file)
    return None


def _is_of_project(name: str, file: File) -> bool:
    return name.startswith(f"{file.module_name}.") or defined(file, name) is not None
