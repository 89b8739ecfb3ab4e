"""The expression that a frame failed in: what was called, and with what."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.probes.given import Given, given, receiver
from torchdoctor.probes.giver import giver
from torchdoctor.probes.lookup import Method, Unknown
from torchdoctor.probes.module import is_module
from torchdoctor.probes.packages import package_of
from torchdoctor.probes.plain import MISSING, is_a, loaded, qualified, static
from torchdoctor.probes.pure import Scope
from torchdoctor.probes.source import Sources
from torchdoctor.probes.tensor import is_tensor
from torchdoctor.probes.value import Values
from torchdoctor.record import ExpressionRecord, ValueRecord

_SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.USub: "-", ast.UAdd: "+", ast.Invert: "~",
    ast.Not: "not",
}  # fmt: skip
_MOST_OPERANDS = 40
# What torch's classes and functions are called in code, where it is not where they are defined.
_HOMES = (
    ("torch._tensor.Tensor.", "torch.Tensor."),
    ("torch.functional.", "torch."),
    ("torch.nn.parameter.", "torch.nn."),
    ("torch.utils.data.dataloader.", "torch.utils.data."),
    ("torch.utils.data.dataset.", "torch.utils.data."),
    ("torch.serialization.", "torch."),
)


class Expressions:
    """Makes the records of one failure's expressions."""

    def __init__(self, sources: Sources, values: Values) -> None:
        self.sources, self.values = sources, values

    def record(self, path: str, node: ast.AST, scope: Scope, led_into: types.FrameType | None) -> ExpressionRecord:
        """The record of what failed at this node; ``led_into`` is the frame that was entered from it."""
        if isinstance(node, ast.Call):
            return self._call(path, node, scope, self.sources.code(path, node), led_into)
        kind = _kind(node)
        reader = getattr(self, f"_{kind}", None)
        code = self.sources.code(path, node)
        if reader is None:
            return ExpressionRecord(code, kind, operands=tuple(self._parts(path, node, scope)))
        found: ExpressionRecord = reader(path, node, scope, code)
        return found

    # -- kinds ----------------------------------------------------------------------------------------------------

    def _call(
        self, path: str, node: ast.Call, scope: Scope, code: str, led_into: types.FrameType | None = None
    ) -> ExpressionRecord:
        callee = _tried(scope, node.func)
        told = given(callee, led_into)
        operands: list[ValueRecord] = []
        if type(callee) is Method:
            operands.append(self._value(path, node.func.value, scope, "self"))  # type: ignore[attr-defined]
        elif callee is MISSING and isinstance(node.func, ast.Attribute):
            owner = _tried(scope, node.func.value)
            owner = receiver(node.func.attr, led_into) if owner is MISSING else owner
            operands.append(self._made(path, node.func.value, owner, "self", scope))
        roles = _roles(callee)
        for index, (argument, value) in enumerate(self._arguments(node, scope)):
            role = roles[index] if index < len(roles) else "" if roles else _role_in_library(path, argument)
            value = _better(value, told.positional(index, role))
            operands.append(self._made(path, argument, value, role, scope))
        for keyword in node.keywords:
            operands += self._keyword(path, keyword, scope, told)
        shown = None if callee is MISSING or type(callee) is Method else callee
        return ExpressionRecord(
            code,
            "call",
            name=called_name(node.func, callee, scope),
            operands=tuple(operands[:_MOST_OPERANDS]),
            callee=None if shown is None else self.values.record(shown, self.sources.code(path, node.func), "callee"),
        )

    def _arguments(self, node: ast.Call, scope: Scope) -> Iterator[tuple[ast.expr, Any]]:
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                yield argument, _tried(scope, argument)
                continue
            several = _tried(scope, argument.value)
            if not is_a(several, list, tuple):
                yield argument.value, MISSING
                continue
            kind: Any = list if is_a(several, list) else tuple
            for item in kind.__iter__(several):
                yield argument.value, item

    def _keyword(self, path: str, keyword: ast.keyword, scope: Scope, told: Given) -> Iterator[ValueRecord]:
        value = _tried(scope, keyword.value)
        if keyword.arg is not None:
            value = _better(value, told.named(keyword.arg))
            yield self._made(path, keyword.value, value, keyword.arg, scope)
        elif is_a(value, dict):
            code = self.sources.code(path, keyword.value)
            for key, item in list(dict.items(value)):
                if type(key) is str:
                    yield self.values.record(item, f"{code}[{key!r}]", key, values=True)

    def _operator(self, path: str, node: Any, scope: Scope, code: str) -> ExpressionRecord:
        if isinstance(node, ast.UnaryOp):
            operator: ast.AST
            sides, operator = [(node.operand, "right")], node.op
        elif isinstance(node, ast.Compare):
            sides, operator = [(node.left, "left"), (node.comparators[0], "right")], node.ops[0]
        elif isinstance(node, ast.AugAssign):
            sides, operator = [(node.target, "left"), (node.value, "right")], node.op
        else:
            sides, operator = [(node.left, "left"), (node.right, "right")], node.op
        operands = tuple(self._value(path, part, scope, role) for part, role in sides)
        symbol = _SYMBOLS.get(type(operator), "")
        return ExpressionRecord(code, "operator", symbol + "=" * isinstance(node, ast.AugAssign), operands)

    def _subscript(self, path: str, node: ast.Subscript, scope: Scope, code: str) -> ExpressionRecord:
        operands = self._value(path, node.value, scope, "value"), self._value(path, node.slice, scope, "index")
        return ExpressionRecord(code, "subscript", "[]", operands)

    def _attribute(self, path: str, node: ast.Attribute, scope: Scope, code: str) -> ExpressionRecord:
        return ExpressionRecord(code, "attribute", node.attr, (self._value(path, node.value, scope, "self"),))

    def _unpack(self, path: str, node: Any, scope: Scope, code: str) -> ExpressionRecord:
        """`a, b = x.chunk(3)`: the failing node is the target; what is told is the right-hand side."""
        statement = self.sources.statement(path, node.lineno)
        source = getattr(statement, "iter" if isinstance(statement, (ast.For, ast.AsyncFor)) else "value", None)
        if statement is None or not isinstance(source, ast.expr):
            return ExpressionRecord(code, "unpack")
        operands = [self._value(path, source, scope, "value")]
        if isinstance(source, ast.Call):
            operands += self._call(path, source, scope, "").operands
        elif isinstance(source, ast.Attribute):
            operands.append(self._value(path, source.value, scope, "self"))
        return ExpressionRecord(self.sources.code(path, statement), "unpack", operands=tuple(operands))

    # -- values ---------------------------------------------------------------------------------------------------

    def _value(self, path: str, node: ast.expr, scope: Scope, role: str) -> ValueRecord:
        return self._made(path, node, _tried(scope, node), role, scope)

    def _made(self, path: str, node: ast.expr, value: Any, role: str, scope: Scope) -> ValueRecord:
        code = self.sources.code(path, node)
        parts = node.elts if isinstance(node, (ast.List, ast.Tuple)) else []
        if value is MISSING or type(value) is Method:
            # What the parts are is not known; where a message tells it, they have their code.
            named = (ValueRecord(self.sources.code(path, part), str(index)) for index, part in enumerate(parts))
            giving = giver(self.sources, self.values.modules, path, node, scope) if isinstance(node, ast.Call) else None
            of_module = giving if giving is not None and giving.module is not None else None
            return ValueRecord(code, role, items=tuple(named), given_by=of_module)
        record = self.values.record(value, code, role, values=True)
        if value is None or (isinstance(node, ast.Call) and record.tensor is not None):
            return replace(record, given_by=giver(self.sources, self.values.modules, path, node, scope))
        if not parts or len(parts) != len(record.items) or any(isinstance(part, ast.Starred) for part in parts):
            return record
        each = zip(record.items, parts, strict=True)
        return replace(record, items=tuple(replace(item, code=self.sources.code(path, part)) for item, part in each))

    def _parts(self, path: str, node: ast.AST, scope: Scope) -> Iterator[ValueRecord]:
        """The largest parts of a node whose values can be told."""
        waiting = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        seen = 0
        while waiting and seen < _MOST_OPERANDS:
            part = waiting.pop(0)
            if isinstance(part, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
                continue
            value = _tried(scope, part)
            if value is not MISSING and type(value) is not Method and not is_a(value, types.ModuleType):
                yield self._made(path, part, value, "", scope)
                seen += 1
            elif value is MISSING:
                waiting += [child for child in ast.iter_child_nodes(part) if isinstance(child, ast.expr)]


def _better(value: Any, told: Any) -> Any:
    """What the entered frame has: the very object, where evaluating anew finds nothing, a stand-in, or a twin."""
    return value if told is MISSING else told


def _tried(scope: Scope, node: ast.expr) -> Any:
    try:
        return scope.value(node)
    except Unknown:
        return MISSING


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return "call"
    if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.AugAssign)):
        return "operator"
    if isinstance(node, ast.Subscript):
        return "subscript"
    if isinstance(node, ast.Attribute):
        return "attribute"
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store):
        return "unpack"
    named = {ast.Raise: "raise", ast.Assert: "assert", ast.For: "iteration", ast.Import: "import"}
    return named.get(type(node), "other")


def _roles(callee: Any) -> list[str]:
    """The names of a callee's parameters, as far as they can be read off its code."""
    bound = 0
    if type(callee) is Method:
        callee, bound = callee.function, 1
    elif is_module(callee):
        callee, bound = static(type(callee), "forward"), 1
    elif is_a(callee, type):
        callee, bound = static(callee, "__init__"), 1
    elif is_a(callee, types.MethodType):
        callee, bound = callee.__func__, 1
    if is_a(callee, staticmethod, classmethod):
        bound = int(is_a(callee, classmethod))
        callee = callee.__func__
    if type(callee) is not types.FunctionType:
        return []
    wrapped = callee.__dict__.get("__wrapped__")  # what a decorator stands before
    code = wrapped.__code__ if type(wrapped) is types.FunctionType else callee.__code__
    return list(code.co_varnames[bound : code.co_argcount])


def _role_in_library(path: str, argument: ast.expr) -> str:
    """What torch's own code calls what it hands on, `torch.embedding(weight, input)`, is what it is."""
    if not package_of(path):
        return ""
    if isinstance(argument, ast.Attribute):
        return argument.attr
    return argument.id if isinstance(argument, ast.Name) else ""


def called_name(func: ast.expr, callee: Any, scope: Scope) -> str:
    """The full name of what is called, as code would write it: "torch.nn.functional.linear", "torch.Tensor.view"."""
    if type(callee) is Method:
        if is_tensor(callee.owner):
            return f"torch.Tensor.{callee.name}"
        return f"{shown(qualified(type(callee.owner)))}.{callee.name}"
    if callee is MISSING:
        return f".{func.attr}" if isinstance(func, ast.Attribute) else ""
    if is_module(callee):
        return shown(qualified(type(callee)))
    if isinstance(func, ast.Attribute):
        owner = _tried(scope, func.value)
        if is_a(owner, types.ModuleType):
            return f"{vars(owner).get('__name__', '')}.{func.attr}"
    if is_a(callee, type):
        return shown(qualified(callee))
    return _function_name(callee)


def _function_name(callee: Any) -> str:
    kind: Any = type(callee)
    if kind is types.BuiltinFunctionType:
        owner, torch = callee.__self__, loaded("torch")
        if torch is not None and vars(torch).get(callee.__name__) is callee:
            return f"torch.{callee.__name__}"
        if is_a(owner, types.ModuleType):
            home = vars(owner).get("__name__", "")
            return f"{'torch.nn.functional' if home == 'torch._C._nn' else home}.{callee.__name__}"
        return f"{shown(qualified(type(owner)))}.{callee.__name__}"
    if kind in (types.FunctionType, types.MethodType):
        function = callee.__func__ if kind is types.MethodType else callee
        return shown(f"{function.__module__}.{function.__qualname__}")
    return shown(qualified(kind))


def shown(name: str) -> str:
    """The name under which torch offers what it defines elsewhere: torch.nn.Linear is of torch.nn.modules.linear."""
    if name.startswith("torch.nn.modules."):
        return f"torch.nn.{name.rpartition('.')[2]}"
    if name.startswith("torch.optim."):
        parts = name.split(".")
        return f"torch.optim.lr_scheduler.{parts[-1]}" if "lr_scheduler" in parts else f"torch.optim.{parts[-1]}"
    for prefix, home in _HOMES:
        if name.startswith(prefix):
            return home + name[len(prefix) :]
    return name
