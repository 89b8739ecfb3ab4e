"""Finds module classes whose `__init__` never runs the `__init__` of nn.Module.

Silent where another class's `__init__` is called in any way (by `super()`, by name, in a method that `__init__`
calls), where the instance is made otherwise (`__new__`, a metaclass), and where `__init__` only raises.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_module_class
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.file import File
from torchdoctor.facts.initialisers import runs_module_init, uncalled_init
from torchdoctor.facts.kinds import kinds_of

_OTHER_WAYS = ("__new__", "__init_subclass__", "__setattr__", "__attrs_pre_init__")


@on_module_class(words=("__init__", "__post_init__"))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    constructor = _constructor(facts)
    method = facts.methods.get(constructor) if constructor else None
    if method is None or _only_raises(method) or runs_module_init(facts, method):
        return
    if any(name in owner.methods for owner in facts.ancestry for name in _OTHER_WAYS) or _has_metaclass(facts):
        return
    class_name = facts.node.name.value
    if (mention := uncalled_init(file, method)) is not None:
        text = f"`{class_name}.{constructor}` names `{file.code(mention)}` and does not call it"
        yield Found(mention, text, swaps=(Swap(mention, f"{file.code(mention)}()"),))
        return
    yield Found(
        method.name,
        f"`{class_name}.{constructor}` never runs `nn.Module.__init__`: "
        "assigning a layer, `parameters()` and `eval()` raise",
        marks=((facts.node.name, "an nn.Module"),),
        swaps=_insertion(facts, method),
    )


def _constructor(facts: ClassFacts) -> str | None:
    """The method that has to call super().__init__(): a dataclass's own `__init__` is generated and does not."""
    for decorator in facts.node.decorators:
        called = decorator.decorator
        name = facts.file.name(called.func if isinstance(called, cst.Call) else called) or ""
        if name == "dataclasses.dataclass" and "__init__" not in facts.methods:
            return "__post_init__"
        if name.startswith(("attr.", "attrs.")):
            return None
    return "__init__"


def _only_raises(method: cst.FunctionDef) -> bool:
    last = method.body.body[-1] if method.body.body else None
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, cst.Raise)


def _has_metaclass(facts: ClassFacts) -> bool:
    return any(
        k.keyword is not None and k.keyword.value == "metaclass"
        for owner in facts.ancestry
        for k in owner.node.keywords
    )


def _insertion(facts: ClassFacts, method: cst.FunctionDef) -> tuple[Swap, ...]:
    """`super().__init__()` above the first statement, where every base can be made without arguments."""
    plain = [name for name in facts.bases if name is not None and kinds_of(name) and name.startswith("torch.nn.Module")]
    statements = [s for s in method.body.body if isinstance(s, (cst.SimpleStatementLine, cst.BaseCompoundStatement))]
    if len(plain) != len(facts.bases) or not statements:
        return ()
    first = statements[0]
    if isinstance(first, cst.SimpleStatementLine) and isinstance(first.body[0], cst.Expr):
        if isinstance(first.body[0].value, (cst.SimpleString, cst.ConcatenatedString)):
            return (Swap(first, "super().__init__()", "after"),)
    return (Swap(first, "super().__init__()", "before"),)
