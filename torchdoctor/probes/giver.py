"""Which function of the user's has returned a value: what is called here, or where the name was assigned."""

from __future__ import annotations

import ast
import types

from torchdoctor.probes.lookup import Method, Unknown
from torchdoctor.probes.module import Modules, is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import static
from torchdoctor.probes.pure import Scope
from torchdoctor.probes.source import Sources
from torchdoctor.record import FunctionRecord


def giver(sources: Sources, modules: Modules, path: str, node: ast.expr, scope: Scope) -> FunctionRecord | None:
    """The record of the function, or of the module; None where it is a library's function, or not known."""
    source = sources.last_assigned(path, node.lineno, node.id) if isinstance(node, ast.Name) else node
    if not isinstance(source, ast.Call):
        return None
    try:
        callee = scope.value(source.func)
    except Unknown:
        return None
    module = callee if is_module(callee) else None
    function = callee.function if type(callee) is Method else callee
    if module is not None:
        function = static(type(module), "forward")
    if type(function) is not types.FunctionType or (module is None and package_of(function.__code__.co_filename)):
        return None
    code = function.__code__
    record = modules.record(module) if module is not None else None
    name = f"{record.type}.forward" if record is not None else function.__qualname__.rpartition("<locals>.")[2]
    return FunctionRecord(name, code.co_filename, code.co_firstlineno, record)
