"""Finds tensors that a module makes once, keeps as a plain attribute and computes with in forward.

Silent where the tensor is registered, has no dimensions or lies on a device that was asked for, where the class or its
file moves or replaces it, and where forward only indexes with it or reads numbers out of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_module_class
from torchdoctor.facts.classes import ClassFacts, Write
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.plain_tensors import kept_plainly
from torchdoctor.facts.plain_uses import is_replaced, met
from torchdoctor.facts.registry import manages_itself


@on_module_class(words=("self",))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    for write in kept_plainly(facts):
        if manages_itself(facts) or is_replaced(facts, write.attribute):
            continue
        use = met(facts, write.attribute)
        if use is None:
            continue
        yield Found(
            write.target,
            f"`{file.code(write.target)}` is a plain tensor: `{facts.node.name.value}.to(...)` leaves it where it is,"
            f" and `{short(file, use)}` needs it",
            marks=((use, "meets the input here"),),
            swaps=_registered(file, write),
        )


def _registered(file: File, write: Write) -> tuple[Swap, ...]:
    statement, line = write.statement, file.parent(write.statement)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1 or write.value is None:
        return ()
    if statement.targets[0].target is not write.target or not isinstance(line, cst.SimpleStatementLine):
        return ()
    receiver = file.code(write.target.value)
    return (Swap(statement, f'{receiver}.register_buffer("{write.attribute}", {file.code(write.value)})'),)
