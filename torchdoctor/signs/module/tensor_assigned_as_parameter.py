"""A plain tensor assigned where a module has a parameter (or a submodule, or a buffer)."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "cannot assign '{type:w}' as parameter '{name:w}' (torch.nn.Parameter or None expected)",
    "cannot assign '{type:w}' object to parameter '{name:w}' (torch.nn.Parameter or None required)",
    "cannot assign '{type:w}' as child module '{child:w}' (torch.nn.Module or None expected)",
    "cannot assign '{type:w}' as buffer '{buffer:w}' (torch.Tensor",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's line says what is assigned to what."""
    user, kind = failure.user, said["type"].rpartition(".")[2]
    left, _, right = user.text.partition("#")[0].partition("=") if user is not None else ("", "", "")
    left, right = left.strip(), right.strip()
    plain = "=" in (user.text if user is not None else "") and len(right) < 60 and "(" in right + "("
    target = left if plain and "." in left and " " not in left else ""
    if said["name"] is not None:
        name = target or f"module.{said['name']}"
        value = right if target and right else "value"
        yield Diagnosis(
            f"`{name}` is a parameter, and a {kind} was assigned to it",
            (
                f"`{name} = nn.Parameter({value})`, for a new one (before the optimizer is made)",
                f"`with torch.no_grad(): {name}.copy_({value})`, for new numbers in the old one",
            ),
        )
    elif said["child"] is not None:
        name = target or f"module.{said['child']}"
        yield Diagnosis(
            f"`{name}` is a layer, and a {kind} was assigned to it",
            (f"another name for the {kind}: `{said['child']}` is the layer's", "`nn.Identity()`, to take a layer out"),
        )
    else:
        yield Diagnosis(
            f"`{said['buffer']}` is a buffer, and a {kind} was assigned to it",
            (f"`torch.as_tensor(...)` of what is assigned to `{said['buffer']}`",),
        )
