"""Frames that were traced and not run: of torch.compile's, only the places are kept, and the sizes in the message.

Which module a frame was of is told by its code, where the modules in reach whose code it is are of one class; then the
layer that the line calls is told as well.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.pasted.faked import faked
from torchdoctor.probes.frames import Frames
from torchdoctor.probes.lookup import Unknown
from torchdoctor.probes.module import Modules, held, is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import is_a, static
from torchdoctor.probes.pure import Scope
from torchdoctor.probes.tensor import record_of
from torchdoctor.record import ExpressionRecord, FrameRecord, ModuleRecord, ValueRecord


def traced(stack: list[Any], message: str, frames: Frames, modules: Modules) -> Iterator[FrameRecord]:
    """The records of the traced frames, outermost first, and last that of what torch itself was asked for."""
    asked = faked(message)
    found = [_frame(one, frames, modules, asked) for one in stack]
    if asked is None or not found:
        yield from found
        return
    at_once = found[-1].user  # called by the user's own line, not by a layer of torch's
    users = [index for index, frame in enumerate(found) if frame.user]
    if users:
        found[users[-1]] = _told(found[users[-1]], asked, at_once)
    yield from found
    if not at_once:
        last = found[-1]
        yield FrameRecord(last.path, last.line, asked.name, last.text, last.package, expression=asked)


def _frame(summary: Any, frames: Frames, modules: Modules, asked: ExpressionRecord | None) -> FrameRecord:
    path, line, function = summary.filename, summary.lineno or 0, summary.name
    frames.sources.know(path, {})
    text, package = frames.sources.line(path, line), package_of(path)
    owners = _owners((path, line, function), modules)
    if package:
        layer = _of_weight([one for one, _ in owners], asked, modules)
        return FrameRecord(path, line, function, text, package, module=layer)
    module, method, names = _named(owners, modules)
    own = {method.__code__.co_varnames[0]: module} if method is not None and method.__code__.co_argcount else {}
    local = frames.sources.own_names(path, line)
    outer = {name: value for name, value in _globals(method, path).items() if name not in local}
    scope = Scope(own, outer, vars(builtins))
    node = frames.sources.at(path, line, getattr(summary, "colno", None), getattr(summary, "end_colno", None))
    if not isinstance(node, ast.expr):
        node = _call_of_layer(frames, path, line, scope) if module is not None else None
    expression = frames.expressions.record(path, node, scope, None) if node is not None else None
    if expression is not None and expression.callee is not None and names is not modules:
        layer = _layer(scope, node, names)
        expression = replace(expression, callee=replace(expression.callee, module=layer))
    return FrameRecord(
        path=path,
        line=line,
        function=method.__qualname__ if method is not None else function,
        text=text,
        at=frames.span(path, node) if node is not None else None,
        expression=expression,
        module=names.record(module) if module is not None else None,
    )


def _globals(method: types.FunctionType | None, path: str) -> dict[str, Any]:
    """The names that the frame's code reads: of its function, or else of the module that is of this file."""
    if method is not None:
        return method.__globals__
    for module in list(sys.modules.values()):
        if is_a(module, types.ModuleType) and vars(module).get("__file__") == path:
            return dict(vars(module))
    return {}


Owner = tuple[Any, types.FunctionType]


def _owners(place: tuple[str, int, str], modules: Modules) -> list[Owner]:
    """The modules in reach whose method this is, and the method."""
    path, line, function = place
    found: list[Owner] = []
    for module, _ in modules.all():
        method: Any = static(type(module), function)
        if type(method) is types.FunctionType and method.__code__.co_filename == path:
            lines = [number for *_, number in method.__code__.co_lines() if number is not None]
            if lines and method.__code__.co_firstlineno <= line <= max(lines):
                found.append((module, method))
    return found


def _named(owners: list[Owner], modules: Modules) -> tuple[Any, types.FunctionType | None, Modules]:
    """The one owner with what names it; one of several of the same class, which is named by its class alone."""
    if len({type(module) for module, _ in owners}) != 1:
        return None, None, modules
    module, method = owners[0]
    if len(owners) == 1:
        return module, method, modules
    alone = Modules()
    alone.root(module)
    return module, method, alone


def _of_weight(owners: list[Any], asked: ExpressionRecord | None, modules: Modules) -> ModuleRecord | None:
    """The one layer of torch's whose weight is of the sizes that the message tells."""
    weight = asked.operand("weight") if asked is not None else None
    if weight is None or weight.tensor is None or weight.tensor.shape is None:
        return None
    found = []
    for module in owners:
        own = held(module, "_parameters").get("weight")
        if own is not None and record_of(own).shape == weight.tensor.shape:
            found.append(module)
    return modules.record(found[0]) if len(found) == 1 else None


def _layer(scope: Scope, node: ast.AST | None, names: Modules) -> ModuleRecord | None:
    called = scope.value(node.func) if isinstance(node, ast.Call) else None
    return names.record(called) if is_module(called) else None


def _call_of_layer(frames: Frames, path: str, line: int, scope: Scope) -> ast.Call | None:
    """The one call of a module in the statement on a line."""
    statement = frames.sources.statement(path, line)
    found = []
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.Call):
            try:
                called = scope.value(node.func)
            except Unknown:
                continue
            if is_module(called):
                found.append(node)
    return found[0] if len(found) == 1 else None


# -- what the message tells of the operands ---------------------------------------------------------------------------


def _told(frame: FrameRecord, asked: ExpressionRecord, at_once: bool) -> FrameRecord:
    """The user's frame with the fake tensors in the places of what stands in its expression."""
    own = frame.expression
    if own is None:
        return replace(frame, expression=asked) if at_once else frame
    if at_once:
        if len(own.operands) != len(asked.operands):
            return replace(frame, expression=replace(asked, code=own.code))
        told = tuple(_with(mine, fake) for mine, fake in zip(own.operands, asked.operands, strict=True))
        return replace(frame, expression=replace(own, kind=asked.kind, name=own.name or asked.name, operands=told))
    layer = own.callee.module if own.callee is not None else None
    given = next((one for one in asked.operands if one.role == "input" and one.tensor is not None), None)
    if layer is None or not layer.from_torch or layer.children or given is None or len(own.operands) != 1:
        return frame
    return replace(frame, expression=replace(own, operands=(_with(own.operands[0], given),)))


def _with(mine: ValueRecord, fake: ValueRecord) -> ValueRecord:
    items = fake.items
    if len(mine.items) == len(items):
        items = tuple(_with(one, other) for one, other in zip(mine.items, items, strict=True))
    return (
        mine
        if mine.known and not mine.items
        else replace(fake, code=mine.code, role=mine.role or fake.role, items=items)
    )
