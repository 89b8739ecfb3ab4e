"""Finds a `forward` whose body ends with a value that it computes and does not return.

Silent where the last thing done is something else: storing on self or in an argument, a call for its effect, raising;
and in classes that listen with hooks, where running the layers is the effect.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_module_class
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.endings import Dropped, dropped_at_end
from torchdoctor.facts.file import File
from torchdoctor.facts.tree import own_nodes

_LISTENING = ("register_forward_hook", "register_forward_pre_hook", "register_hook", "register_full_backward_hook")
_STUBS = frozenset({"abc.abstractmethod", "typing.overload", "typing_extensions.overload"})


@on_module_class(words=("forward",))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    forward = facts.methods.get("forward")
    if forward is None or any(file.name(d.decorator) in _STUBS for d in forward.decorators):
        return
    if any(method in file.calls_by_method for method in _LISTENING):
        return
    dropped = dropped_at_end(file, forward)
    if not dropped:
        return
    first = dropped[0]
    what = f"`{first.name}`" if first.name is not None else f"the value of `{_short(file, first.value)}`"
    sometimes = any(isinstance(node, cst.Return) and node.value is not None for node in own_nodes(forward.body))
    returns = "can end without a return" if sometimes else "returns None"
    yield Found(
        forward.name,
        f"`{facts.node.name.value}.forward` {returns}: {what} is computed last and dropped",
        marks=tuple((one.statement, "computed and dropped") for one in dropped[:3]),
        swaps=_returning(file, forward, dropped),
    )


def _short(file: File, value: cst.BaseExpression) -> str:
    code = file.code(value.with_changes(lpar=(), rpar=()))
    if len(code) < 50 and "\n" not in code:
        return code
    called = code.partition("(")[0].split()
    return f"{called[0]}(...)" if called else "(...)"


def _returning(file: File, forward: cst.FunctionDef, dropped: list[Dropped]) -> tuple[Swap, ...]:
    """`return x` at the end of the body, where one variable holds what is dropped on every way."""
    names = {one.name for one in dropped}
    name = names.pop() if len(names) == 1 else None
    last = forward.body.body[-1]
    if not isinstance(forward.body, cst.IndentedBlock) or not isinstance(last, cst.BaseStatement):
        return ()
    if name is None:
        only = dropped[0].statement
        if len(dropped) == 1 and isinstance(only, cst.Expr) and file.parent(only) is last:
            return (Swap(only, f"return {file.code(only)}"),)
        return ()
    if isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Return):
        return (Swap(last.body[-1], f"return {name}"),)
    return (Swap(last, f"return {name}", "after"),)
