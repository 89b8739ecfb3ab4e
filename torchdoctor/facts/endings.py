"""How code ends: whether the end of a function's body is reached, what is done last before it, and what of that is
dropped; whether an arm ends in an exception."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.layers import made_modules
from torchdoctor.facts.names import dotted
from torchdoctor.facts.origins import called_function, returned
from torchdoctor.facts.tree import own_nodes, within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Methods and functions that compute a new tensor and change nothing.
_TENSOR_METHODS = frozenset({
    "view", "reshape", "permute", "transpose", "squeeze", "unsqueeze", "mean", "sum", "max", "min", "softmax",
    "log_softmax", "flatten", "contiguous", "relu", "sigmoid", "tanh", "argmax", "chunk", "split", "expand", "matmul",
    "bmm", "exp", "log", "div", "mul", "add", "sub", "pow", "norm", "masked_fill", "gather", "float", "half",
    "type_as", "detach", "clone",
})  # fmt: skip
_TENSOR_FUNCTIONS = frozenset({
    "cat", "stack", "relu", "sigmoid", "tanh", "softmax", "matmul", "bmm", "mm", "einsum", "add", "mul", "sub", "div",
    "mean", "sum", "flatten", "reshape", "squeeze", "unsqueeze", "exp", "log", "sqrt", "where", "clamp", "log_softmax",
})  # fmt: skip

Statement = cst.BaseStatement | cst.BaseSmallStatement


@dataclass(frozen=True, slots=True)
class Dropped:
    """The last thing that is computed before a function ends, unseen; ``name`` is the variable that holds it."""

    statement: Statement
    value: cst.BaseExpression
    name: str | None


def dropped_at_end(file: File, function: cst.FunctionDef) -> list[Dropped]:
    """What is computed last, on each way to the end of the body, and then dropped; [] where some way ends otherwise.

    A way that returns a value or raises does not reach the end. A bare `return` does.
    """
    if any(type(node) in (cst.Yield, cst.Await) for node in own_nodes(function.body)):
        return []
    found: list[Dropped] = []
    for statement in _last(list(function.body.body)):
        dropped = _dropped(file, function, statement)
        if dropped is None:
            return []
        found.append(dropped)
    return found


def _last(statements: Sequence[Statement]) -> Iterator[Statement]:
    """The last statement on each way to the end of a block; none for a way that leaves by return or raise."""
    if not statements:
        return
    last = statements[-1]
    if isinstance(last, cst.SimpleStatementLine):
        yield from _last([*statements[:-1], *last.body])
    elif isinstance(last, cst.Return):
        if last.value is None:
            yield from _last(statements[:-1])
    elif isinstance(last, (cst.Raise, cst.Break, cst.Continue)):
        return
    elif isinstance(last, (cst.Pass, cst.Assert, cst.Del)) or _only_tells(last):
        yield from _last(statements[:-1])
    elif isinstance(last, cst.If):
        yield from _last(list(last.body.body))
        yield from _last([last.orelse] if isinstance(last.orelse, cst.If) else _block(last.orelse) or statements[:-1])
    elif isinstance(last, (cst.For, cst.While, cst.With)):
        yield from _last(list(last.body.body))
    elif isinstance(last, cst.Try):
        yield from _last(_block(last.orelse) or list(last.body.body))
        for handler in last.handlers:
            yield from _last(list(handler.body.body))
    else:
        yield last


def _only_tells(statement: Statement) -> bool:
    """`print(...)`: a word on what was computed, and no use of it."""
    call = statement.value if isinstance(statement, cst.Expr) else None
    return isinstance(call, cst.Call) and isinstance(call.func, cst.Name) and call.func.value == "print"


def _block(part: cst.Else | None) -> list[Statement]:
    return list(part.body.body) if isinstance(part, cst.Else) else []


def _dropped(file: File, function: cst.FunctionDef, statement: Statement) -> Dropped | None:
    if isinstance(statement, cst.Expr):
        value = statement.value
        parts = [e.value for e in value.elements] if isinstance(value, cst.Tuple) else [value]
        named = bool(parts) and all(
            isinstance(part, cst.Name) for part in parts
        )  # `x` or `x, y`: a return without return
        sums = isinstance(value, (cst.BinaryOperation, cst.UnaryOperation)) and _computes(file, value)
        return Dropped(statement, value, None) if named or sums or _gives_only_a_value(file, value) else None
    computed, targets = _assigned(statement)
    if computed is None or not (isinstance(statement, cst.AugAssign) or _computes(file, computed)):
        return None
    names = [target.value for target in targets if isinstance(target, cst.Name)]
    if not names or len(names) != len(targets) or any(name.startswith("_") for name in names):
        return None
    if isinstance(statement, cst.AugAssign) and _is_parameter(function, names[0]) and not _rebound(function, names[0]):
        return None  # written into what the caller gave
    if any(_is_used(file, function, statement, name) for name in names):
        return None
    return Dropped(statement, computed, names[0] if len(names) == 1 else None)


def _assigned(statement: Statement) -> tuple[cst.BaseExpression | None, list[cst.BaseExpression]]:
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
        elements = target.elements if isinstance(target, (cst.Tuple, cst.List)) else ()
        return statement.value, [e.value for e in elements] if elements else [target]
    if isinstance(statement, (cst.AnnAssign, cst.AugAssign)):
        return statement.value, [statement.target]
    return None, []


def _computes(file: File, value: cst.BaseExpression) -> bool:
    """Whether an expression computes with tensors and has no other effect that could be what it is for."""
    if isinstance(value, (cst.BinaryOperation, cst.UnaryOperation, cst.Comparison)):
        return any(isinstance(node, (cst.Call, cst.BinaryOperation, cst.Name)) for node in within(value))
    if isinstance(value, (cst.Tuple, cst.List, cst.Dict, cst.IfExp, cst.Subscript)):
        return any(isinstance(node, cst.Call) and _computes(file, node) for node in within(value))
    if not isinstance(value, cst.Call):
        return False
    if _gives_only_a_value(file, value):
        return True
    if made_modules(file, value.func):
        return True
    function = called_function(file, value)
    if function is not None:
        return bool(returned(*function))
    return isinstance(value.func, cst.Attribute) and value.func.attr.value in _TENSOR_METHODS


def _gives_only_a_value(file: File, value: cst.BaseExpression) -> bool:
    """A call of a torch function or layer that changes nothing, so that without its value it was for nothing."""
    if not isinstance(value, cst.Call) or _writes_somewhere(value):
        return False
    name = file.name(value.func) or ""
    if name.startswith(("torch.nn.functional.", "torch.nn.")) and name.rpartition(".")[2][:1].islower():
        return not name.startswith(("torch.nn.init.", "torch.nn.utils.")) and not name.endswith("_")
    if name.startswith("torch.") and name.count(".") == 1 and name[6:] in _TENSOR_FUNCTIONS:
        return True
    made = made_modules(file, value.func)
    return bool(made) and all(
        isinstance(origin.node, cst.Call)
        and (origin.file.name(origin.node.func) or "").startswith("torch.nn.")
        and not _writes_somewhere(origin.node)
        for origin in made
    )


def _writes_somewhere(call: cst.Call) -> bool:
    """`inplace=True`, `out=...`, or an in-place layer's positional True."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value in ("inplace", "out"):
            return True
        if arg.keyword is None and isinstance(arg.value, cst.Name) and arg.value.value == "True":
            return True
    return False


def _is_parameter(function: cst.FunctionDef, name: str) -> bool:
    params = function.params
    return any(p.name.value == name for p in (*params.posonly_params, *params.params, *params.kwonly_params))


def _rebound(function: cst.FunctionDef, name: str) -> bool:
    for node in own_nodes(function.body):
        if isinstance(node, cst.Assign) and any(dotted(target.target) == name for target in node.targets):
            return True
    return False


def _is_used(file: File, function: cst.FunctionDef, statement: Statement, name: str) -> bool:
    """Whether anything but further assignments to local names can read what ``name`` is given here.

    Inside a loop, that is whatever stands in the loop; else only nested functions, since nothing follows.
    """
    loop = next((above for above in file.ancestors(statement) if isinstance(above, (cst.For, cst.While))), None)
    inside = set(within(loop)) if loop is not None and loop in set(within(function)) else set()
    for node in within(function.body):
        if isinstance(node, (cst.Global, cst.Nonlocal)) and any(item.name.value == name for item in node.names):
            return True
        if not (isinstance(node, cst.Name) and node.value == name):
            continue
        holder = next(
            (above for above in file.ancestors(node) if isinstance(above, (cst.FunctionDef, cst.Lambda))), None
        )
        if holder is not function:
            return True
        if node in inside and not _only_assigns(file, node):
            return True
    return False


def _only_assigns(file: File, node: cst.CSTNode) -> bool:
    """Whether a name is a target, or part of a value that goes into local names."""
    for above in file.ancestors(node):
        if isinstance(above, (cst.Assign, cst.AnnAssign, cst.AugAssign)):
            return all(isinstance(target, (cst.Name, cst.Tuple)) for target in _assigned(above)[1])
        if isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            return False
    return False


def ends_in_exception(statement: cst.If) -> bool:
    """Whether the way that ends in one of its arms ends in an exception: then the program fails either way."""
    suites = [statement.body, *([statement.orelse.body] if isinstance(statement.orelse, cst.Else) else [])]
    last = [suite.body[-1] for suite in suites if suite.body]
    return any(isinstance(one, cst.SimpleStatementLine) and isinstance(one.body[-1], cst.Raise) for one in last)
