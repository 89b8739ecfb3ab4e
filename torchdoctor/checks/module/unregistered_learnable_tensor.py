"""Finds attributes of a module that require gradients and are no nn.Parameter, and parameters in a plain container.

Silent where the class or its file trains them by hand (gives them to an optimizer, reads their `.grad`), makes
parameters or buffers of them, or lists its parameters itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_module_class
from torchdoctor.checks.module._wrapping import as_parameter, wrapped
from torchdoctor.facts.classes import ClassFacts, Write
from torchdoctor.facts.file import File
from torchdoctor.facts.initialisers import constructing
from torchdoctor.facts.layers import is_parameter
from torchdoctor.facts.learning import gets_gradients_later, is_trained_by_hand
from torchdoctor.facts.origins import Origin
from torchdoctor.facts.parameters import asks_for_gradients, derived_from_parameter, is_learnable, makes_tensor
from torchdoctor.facts.registry import is_registered, kept_in_containers, kind_of_container, manages_itself


@on_module_class(words=("requires_grad", "Parameter"))
def check(file: File, facts: ClassFacts) -> Iterator[Found]:
    found = [*_tensors(file, facts), *_containers(file, facts)]
    if found and not manages_itself(facts):
        yield from found


def _tensors(file: File, facts: ClassFacts) -> Iterator[Found]:
    making = constructing(facts)
    for name, writes in facts.attributes.items():
        if any(write.value is not None and is_parameter(file, write.value) for write in facts.lookup(name)):
            continue
        for write in writes:
            place = _asked(file, write) if write.method in making else None
            if place is not None and not is_trained_by_hand(facts, name):
                yield Found(
                    write.target,
                    f"`{file.code(write.target)}` requires gradients and is no `nn.Parameter`: "
                    f"`{facts.node.name.value}` does not register it",
                    marks=((place, "gradients asked for here"),),
                    swaps=_swap(file, write),
                )


def _asked(file: File, write: Write) -> cst.CSTNode | None:
    """Where the tensor that is written asks for gradients: when it is made, or by a later statement of the method."""
    value = write.value
    if value is None or isinstance(value, (cst.Attribute, cst.Subscript)):
        return None
    place = asks_for_gradients(file, value)
    if place is None and makes_tensor(file, value):
        place = gets_gradients_later(file, write)
    return place


def _swap(file: File, write: Write) -> tuple[Swap, ...]:
    text = as_parameter(file, write.value) if isinstance(write.value, cst.Call) else None
    return (Swap(write.value, text),) if text is not None and write.value is not None else ()


def _containers(file: File, facts: ClassFacts) -> Iterator[Found]:
    for kept in kept_in_containers(facts):
        learns = any(_learns(value) for value in kept.values)
        if learns and not is_registered(facts, kept) and not is_trained_by_hand(facts, kept.name):
            yield Found(
                kept.write.target,
                f"`{file.code(kept.write.target)}` is a plain {kind_of_container(file, kept)} of parameters: "
                f"`{facts.node.name.value}` does not register them",
                swaps=wrapped(facts, kept, "torch.nn.ParameterList", "torch.nn.ParameterDict"),
            )


def _learns(value: Origin) -> bool:
    if isinstance(value.node, (cst.Attribute, cst.Subscript)):
        return False
    return is_learnable(value.file, value.node) or derived_from_parameter(value.file, value.node) is not None
