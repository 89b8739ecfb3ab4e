"""Finds attributes that hold what was made of a new nn.Parameter, `nn.Parameter(...).half()`, and not the parameter.

Silent where the step gives the parameter itself back (`.to("cpu")`, `.float()`, `.requires_grad_()`), and where the
attribute is made a parameter again.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_module_class
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.file import File
from torchdoctor.facts.layers import is_parameter
from torchdoctor.facts.origins import assigned, owner_of_self
from torchdoctor.facts.parameters import Derived, derived_from_parameter
from torchdoctor.facts.spelling import text_at
from torchdoctor.facts.tree import within


@on_module_class(words=("Parameter",))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    for name, writes in facts.attributes.items():
        if any(write.value is not None and is_parameter(file, write.value) for write in facts.lookup(name)):
            continue
        for write in writes:
            derived = _derived(file, write.value)
            if derived is not None:
                yield _found(file, facts, write.target, derived)
    for call in file.calls("builtins.setattr"):
        if file.classes.enclosing(call) is facts and len(call.args) == 3 and _is_self(file, call.args[0].value):
            derived = _derived(file, call.args[2].value)
            if derived is not None:
                yield _found(file, facts, call, derived)


def _is_self(file: File, node: cst.BaseExpression) -> bool:
    return owner_of_self(file, node) is not None


def _derived(file: File, value: cst.BaseExpression | None) -> Derived | None:
    if isinstance(value, cst.Name):
        values = assigned(file, value)
        value = values[0] if len(values) == 1 else None
    return derived_from_parameter(file, value) if value is not None else None


def _found(file: File, facts: ClassFacts, node: cst.CSTNode, derived: Derived) -> Found:
    attribute = file.code(node) if isinstance(node, cst.Attribute) else "setattr"
    owner = facts.node.name.value
    what, where = ("a plain tensor: ", "") if derived.sure else ("", ": where that moves it, ")
    text = f"`{attribute}` is what `{derived.step}` makes of an `nn.Parameter`"
    text += f"{where or f', {what}'}`{owner}` does not register it"
    swap = _moved_inside(file, derived)
    return Found(node, text, marks=((derived.parameter, "the parameter"),), swaps=(swap,) if swap else ())


def _moved_inside(file: File, derived: Derived) -> Swap | None:
    """The step made on the data, before the parameter is made of it: `nn.Parameter(torch.ones(3).half())`."""
    args = derived.parameter.args
    first = next(
        (arg for arg in args if arg.keyword is not None and arg.keyword.value == "data"), args[0] if args else None
    )
    if first is None or first.star or derived.node.lpar or derived.parameter not in set(within(derived.node)):
        return None
    if first.keyword is not None and first.keyword.value != "data":
        return None
    data = first.value
    if isinstance(data, (cst.BinaryOperation, cst.UnaryOperation, cst.IfExp)) and not data.lpar:
        data = data.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    inside = derived.node.deep_replace(derived.parameter, data)
    made = derived.parameter.with_changes(args=[a.with_changes(value=inside) if a is first else a for a in args])
    return Swap(derived.node, text_at(file, made, derived.node))
