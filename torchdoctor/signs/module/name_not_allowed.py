"""A layer, parameter or buffer under a name that a module cannot give it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    # Python shows a KeyError's text as a literal, with its quotes escaped.
    '{what:w} name can{}t contain ".", got: {name:w}',
    '{what:w} name can{}t contain "."',
    "{what:w} name can{}t be empty string",
    "attribute '{taken:w}' already exists",
    "module name should be a string. Got {type:w}",
    raises=("KeyError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The names of a module's parts are joined by dots in its state dict, and are its attributes."""
    what = (said["what"] or "module").strip("'\"")
    if said["taken"] is not None:
        taken = said["taken"]
        holder = failure.asked.name.rpartition(".")[2] if failure.asked is not None else ""
        if holder in ("ModuleDict", "ParameterDict") or failure.calls("ModuleDict", "ParameterDict"):
            yield Diagnosis(
                f"`{taken}` is a method of the dictionary of modules, so no entry can be called that",
                (f"another key: `{taken}_`", "a plain prefix for all keys: `nn.ModuleDict({f'key_{k}': m ...})`"),
            )
        else:
            yield Diagnosis(
                f"the module has an attribute `{taken}` already, and a part of it is to be called that",
                (
                    f"another name, or `del self.{taken}` first",
                    "no assignment of the same name before it is registered",
                ),
            )
    elif said["type"] is not None:
        yield Diagnosis(
            f"a key of a dictionary of modules is of the type {said['type']}, and only texts are names", ("`str(key)`",)
        )
    elif "empty" in said.text:
        yield Diagnosis(f"a {what} is registered under an empty name", ("a name of its own for each",))
    else:
        got = said["name"].strip("'\"") if said["name"] else None
        shown = f"`{got}` has a dot in it" if got else "its name has a dot in it"
        good = f"`{got.replace('.', '_')}`" if got else "`name.replace('.', '_')`"
        yield Diagnosis(f"{shown}, and dots part the names of a module's parts", (f"{good}: dots become underscores",))
