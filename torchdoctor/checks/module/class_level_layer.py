"""Finds layers, parameters and containers of them that are attributes of a module class instead of its instances.

Silent where every instance gets its own under the same name, and for what is neither trained, saved nor switched.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_module_class
from torchdoctor.checks.module._moving import moved_into_init
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.collections import flattened
from torchdoctor.facts.file import File
from torchdoctor.facts.layers import is_parameter, made_modules, needs_registration
from torchdoctor.facts.parameters import asks_for_gradients


@on_module_class(words=("=",))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    found = [
        (name, value, what)
        for name, value in facts.class_body.items()
        if value is not None and (what := _what(file, value)) is not None and not _written(facts, name)
    ]
    for index, (name, value, what) in enumerate(found):
        target = _target(file, value) or value
        yield Found(
            target,
            f"`{facts.node.name.value}.{name}` is an attribute of the class: all instances share one {what}, "
            "and none of them registers it",
            swaps=moved_into_init(facts, [value for _, value, _ in found]) if index == 0 else (),
        )


def _what(file: File, value: cst.BaseExpression) -> str | None:
    """What a value in a class body is, where an instance would have to register it."""
    for item in flattened(file, value):
        if not isinstance(item, (cst.Call, cst.IfExp)):
            continue
        if is_parameter(file, item):
            return "`nn.Parameter`"
        made = [origin for origin in made_modules(file, item) if needs_registration(origin)]
        if made:
            call = made[0].node
            return f"`{file.code(call.func)}`" if isinstance(call, cst.Call) and made[0].file is file else "module"
        if asks_for_gradients(file, item) is not None:
            return "tensor that asks for gradients"
    return None


def _written(facts: ClassFacts, name: str) -> bool:
    """Whether instances get an attribute of their own with that name."""
    return bool(facts.lookup(name)) or any(name in other.attributes for other in facts.subclasses)


def _target(file: File, value: cst.CSTNode) -> cst.CSTNode | None:
    assign = file.parent(value)
    if isinstance(assign, cst.Assign):
        return assign.targets[0].target
    return assign.target if isinstance(assign, cst.AnnAssign) else None
