"""A frame that was traced and not run: of torch.compile's, only file, line and function are kept.

Which module it was of is told by its code, where one module in reach is of that class; then the layer that the line
calls is told as well.
"""

from __future__ import annotations

import ast
import builtins
import types
from typing import Any

from torchdoctor.probes.frames import Frames
from torchdoctor.probes.lookup import Unknown
from torchdoctor.probes.module import Modules, is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import static
from torchdoctor.probes.pure import Scope
from torchdoctor.record import FrameRecord


def traced(place: tuple[str, int, str], frames: Frames, modules: Modules) -> FrameRecord:
    """The record of a traced frame by its path, line and function; its module and failing call where these are told."""
    path, line, function = place
    frames.sources.know(path, {})
    text = frames.sources.line(path, line)
    owner = None if package_of(path) else _owner(place, modules)
    if owner is None:
        return FrameRecord(path, line, function, text, package_of(path))
    module, method = owner
    scope = Scope({"self": module}, method.__globals__, vars(builtins))
    node = _call_of_layer(frames, path, line, scope)
    return FrameRecord(
        path=path,
        line=line,
        function=method.__qualname__,
        text=text,
        at=frames.span(path, node) if node is not None else None,
        expression=frames.expressions.record(path, node, scope, None) if node is not None else None,
        module=modules.record(module),
    )


def _owner(place: tuple[str, int, str], modules: Modules) -> tuple[Any, types.FunctionType] | None:
    """The one module in reach whose method this is, and the method."""
    path, line, function = place
    found = []
    for module, _ in modules.all():
        method: Any = static(type(module), function)
        if type(method) is types.FunctionType and method.__code__.co_filename == path:
            lines = [number for *_, number in method.__code__.co_lines() if number is not None]
            if lines and method.__code__.co_firstlineno <= line <= max(lines):
                found.append((module, method))
    return found[0] if len(found) == 1 else None


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
