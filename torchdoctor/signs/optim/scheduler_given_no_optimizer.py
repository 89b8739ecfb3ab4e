"""A scheduler that was given a model, or its parameters, in the place of the optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import a


@on_failure("^{type:w} is not an Optimizer$", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The optimizer that was meant is mostly in reach."""
    asked = failure.asked
    given = asked.operand("optimizer", 0) if asked is not None else None
    name = f"`{given.code}`" if given is not None and given.code else "what it was given"
    scheduler = asked.name.rpartition(".")[2] if asked is not None and asked.name else "the scheduler"
    found = list(dict.fromkeys(one.name for one in failure.objects if one.kind == "optimizer"))
    meant = found[0] if len(found) == 1 else "optimizer"
    shown = f"`{scheduler}`" if scheduler != "the scheduler" else scheduler
    yield Diagnosis(
        f"{shown} takes an optimizer, and {name} is {a(said['type'])}",
        cures=(f"`{scheduler if '`' in shown else 'StepLR'}({meant}, ...)`: it changes the learning rate there",),
    )
