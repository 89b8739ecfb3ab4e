"""Finds modules kept in a list, dict, tuple or set attribute of a module, where nn.Module does not see them.

Silent where the same modules are registered on another way (own attributes, `add_module`, `setattr`, a `ModuleList`
or `Sequential` made of the list), where the class lists its parameters itself, and for what has nothing to register.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_module_class
from torchdoctor.checks.module._wrapping import wrapped
from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.file import File
from torchdoctor.facts.layers import made_modules, needs_registration
from torchdoctor.facts.origins import Origin
from torchdoctor.facts.registry import (
    Kept,
    is_hidden,
    is_registered,
    kept_in_containers,
    kind_of_container,
    manages_itself,
)


@on_module_class(words=("[", "{", "list", "dict", "tuple", "Dict"))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    kept_here = [(kept, made) for kept in kept_in_containers(facts) if (made := _modules(facts, kept))]
    if not kept_here or manages_itself(facts):
        return
    for kept, made in kept_here:
        if is_hidden(facts, kept) or is_registered(facts, kept):
            continue
        first = made[0]
        called = file.code(first.node.func) if isinstance(first.node, cst.Call) and first.file is file else "modules"
        yield Found(
            kept.write.target,
            f"`{file.code(kept.write.target)}` is a plain {kind_of_container(file, kept)} of `{called}`: "
            f"`{facts.node.name.value}` does not register them",
            marks=tuple((addition.node, "put in here") for addition in kept.additions[:3]),
            swaps=wrapped(facts, kept, "torch.nn.ModuleList", "torch.nn.ModuleDict"),
        )


def _modules(facts: ClassFacts, kept: Kept) -> list[Origin]:
    """The calls that make the modules in a container: those that stand there for the first time."""
    found: list[Origin] = []
    for value in kept.values:
        if isinstance(value.node, (cst.Call, cst.Name, cst.IfExp)):
            found += [made for made in made_modules(value.file, value.node) if needs_registration(made)]
    return found
