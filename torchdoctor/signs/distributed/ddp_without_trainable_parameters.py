"""A model that is wrapped for DDP, and has nothing that learns."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "DistributedDataParallel is not needed when a module doesn't have any parameter that requires",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The module is what the user's call was given."""
    given = failure.operand("module", 0)
    name = failure.name_of(given, "the model")
    module = given.module if given is not None else None
    yield Diagnosis(
        f"no parameter of {name} requires a gradient, so there is nothing for DDP to add up",
        cures=(
            "leave a frozen model (a teacher, a reference, an encoder) unwrapped: `.to(device)` is all it needs",
            "unfreeze what is to learn before the model is wrapped",
        ),
        roots=(Root(module, f"{name} is built here"),) if module is not None else (),
    )
