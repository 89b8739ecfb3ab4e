"""The frames of a traceback: whose code each is, where in it the failure was, and what stood there."""

from __future__ import annotations

import ast
import dis
import os
import re
import types
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.finding import Span
from torchdoctor.probes.autocast import autocast_around
from torchdoctor.probes.expression import Expressions
from torchdoctor.probes.lookup import Unknown
from torchdoctor.probes.module import is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import is_a, locals_of
from torchdoctor.probes.pure import Scope
from torchdoctor.probes.shadow import Shadows
from torchdoctor.probes.source import Sources
from torchdoctor.probes.tensor import is_tensor
from torchdoctor.probes.value import Values
from torchdoctor.record import ExpressionRecord, FrameRecord, TensorRecord, ValueRecord

HELPER = "(helper)"  # the package of a user's frame that is not to be blamed: it says so itself, for its callers' sake
_FIRST, _LAST = 30, 60  # of a deeper traceback (a recursion without end) only its two ends are told
_WITH_LOCALS = 8  # of the user's frames, the innermost ones have their names told
_MOST_LOCALS = 120
# Between what the user asked for and what failed: calls that are handed on as they are.
_MACHINERY = frozenset({"_wrapped_call_impl", "_call_impl", "__torch_function__", "__torch_dispatch__"})
_MACHINERY_FILES = re.compile(
    r"torch/(?:_subclasses/|_refs/|_prims|_decomp/|_meta_registrations|_library/|_dynamo/eval_frame|_ops\.py|_compile\.py|library\.py|__init__\.py|overrides\.py"
    r"|utils/_(?:stats|contextlib|python_dispatch)\.py|autograd/graph\.py|_tensor_docs|_functorch/)"
)
_HIDDEN = frozenset(
    {"__builtins__", "__annotations__", "__doc__", "__loader__", "__spec__", "In", "Out", "exit", "quit"}
)


def steps(traceback: types.TracebackType | None) -> list[types.TracebackType]:
    """The links of a traceback, outermost first; the middle of a very deep one is left out."""
    found: list[types.TracebackType] = []
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found if len(found) <= _FIRST + _LAST else found[:_FIRST] + found[-_LAST:]


def own_module(frame: types.FrameType) -> Any:
    """A method's ``self`` where it is an nn.Module; else None."""
    code = frame.f_code
    if code.co_argcount == 0:
        return None
    first = locals_of(frame).get(code.co_varnames[0])
    return first if first is not None and is_module(first) else None


class Frames:
    """Makes the records of the frames of one failure."""

    def __init__(self, sources: Sources, values: Values, *, sized: bool = False) -> None:
        """``sized``: work out, without data, what the failing expressions would have made."""
        self.sources, self.values, self.sized = sources, values, sized
        self.expressions = Expressions(sources, values)
        self._autocast = ""

    def records(self, links: list[types.TracebackType]) -> Iterator[FrameRecord]:
        """The records of a traceback. What led to the user's innermost frame has no expressions, but is named."""
        self._autocast = autocast_around(self.sources, links)
        users = [i for i, link in enumerate(links) if not package_of(link.tb_frame.f_code.co_filename)]
        seen = [i for i in users if not _hides_itself(links[i].tb_frame)]
        helpers = {*users} - {*seen} if seen else set()
        told = set(users[-_WITH_LOCALS:])
        innermost = (seen or users or [0])[-1]
        for index, (link, following) in enumerate(zip(links, [*links[1:], None], strict=False)):
            wanted = index in told or (index >= innermost and not _is_machinery(link.tb_frame.f_code))
            record = self._record(link, following, expression=wanted, names=index in told)
            yield replace(record, package=HELPER) if index in helpers else record

    def _record(
        self, link: types.TracebackType, following: types.TracebackType | None, *, expression: bool, names: bool
    ) -> FrameRecord:
        frame = link.tb_frame
        path = frame.f_code.co_filename
        module = own_module(frame)
        self.sources.know(path, frame.f_globals)
        node = self.sources.node(link, whole=not package_of(path)) if expression else None
        places = locals_of(frame), frame.f_globals, _builtins(frame)
        shadows = Shadows(*places, devices=self.values.shadows, without_data=self.sized, autocast=self._autocast)
        scope = shadows if node is not None else None
        return FrameRecord(
            path=path,
            line=link.tb_lineno,
            function=getattr(frame.f_code, "co_qualname", frame.f_code.co_name),
            text=self.sources.line(path, link.tb_lineno),
            package=package_of(path),
            at=self.span(path, node) if node is not None else None,
            expression=_raising(link) if scope is None else self._expression(path, node, scope, following),
            module=self.values.modules.record(module) if module is not None else None,
            locals=self._locals(frame) if names else (),
        )

    def _expression(
        self, path: str, node: ast.AST | None, scope: Scope, following: types.TracebackType | None
    ) -> ExpressionRecord | None:
        if node is None:
            return None
        record = self.expressions.record(path, node, scope, following.tb_frame if following is not None else None)
        return replace(record, result=self._result(node, scope)) if self.sized else record

    def _result(self, node: ast.AST, scope: Scope) -> TensorRecord | None:
        """What an expression would have made, where that is one tensor."""
        try:
            made = scope.value(node) if isinstance(node, ast.expr) else None
        except Unknown:
            return None
        return self.values.record(made).tensor if made is not None and is_tensor(made) else None

    def span(self, path: str, node: ast.AST) -> Span:
        """The place of a node, in columns that count characters from 1."""
        return Span(path, *self.sources.columns(path, node))

    def _locals(self, frame: types.FrameType) -> tuple[ValueRecord, ...]:
        found = []
        for name, value in locals_of(frame).items():
            hidden = name in _HIDDEN or name.startswith(("__", "@", "."))
            if not hidden and not is_a(value, types.ModuleType, types.FunctionType, type):
                found.append(self.values.record(value, name, depth=1))
        return tuple(found[:_MOST_LOCALS])


def _hides_itself(frame: types.FrameType) -> bool:
    """Whether a function of the user's has ``__tracebackhide__ = True``, by which pytest and others know a helper."""
    name = "__tracebackhide__"
    local = locals_of(frame) if name in frame.f_code.co_varnames else {}
    return local.get(name, frame.f_globals.get(name)) is True


def _raising(link: types.TracebackType) -> ExpressionRecord | None:
    """Of a frame whose source is not at hand the bytecode still tells whether its code raised by itself."""
    code = link.tb_frame.f_code.co_code
    name = dis.opname[code[link.tb_lasti]] if 0 <= link.tb_lasti < len(code) else ""
    return ExpressionRecord("", "raise") if name == "RAISE_VARARGS" else None


def _is_machinery(code: types.CodeType) -> bool:
    path = code.co_filename.replace(os.sep, "/")
    return code.co_name in _MACHINERY or _MACHINERY_FILES.search(path) is not None


def _builtins(frame: types.FrameType) -> dict[str, Any]:
    found: dict[str, Any] = frame.f_builtins
    return found
