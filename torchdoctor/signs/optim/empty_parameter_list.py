"""An optimizer without parameters: layers in a plain list, a generator that is used up, or everything filtered out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torchdoctor.record import Failure, FrameRecord, ModuleRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("optimizer got an empty parameter list", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which it is, the argument's code and the modules in reach tell."""
    asked, user = failure.asked, failure.user
    given = asked.operand("params", 0) if asked is not None else None
    code = given.code if given is not None else ""
    module = next((one for one in _modules(user) if one.module and code.startswith(f"{one.code}.")), None)
    if module is not None and module.module is not None and module.module.parameters is not None:
        yield from _of_module(code, module.code, module.module)
    elif given is not None and given.type == "generator" and code.isidentifier():
        yield Diagnosis(
            f"`{code}` is a generator, and it was read to its end before the optimizer got it",
            cures=(f"`{code} = list(model.parameters())` where it is made", "call `model.parameters()` anew"),
            roots=(Root(given, f"`{code}` is made here, to be read once", "value"),),
        )
    elif given is not None and given.length == 0:
        yield Diagnosis(
            f"{failure.name_of(given, 'the list of parameters')} is empty",
            cures=(
                "unfreeze what is to learn first: `model.fc.requires_grad_(True)`"
                if "requires_grad" in code
                else "look at what fills it: a filter, or a name that no parameter has",
            ),
            roots=(Root(given, f"`{code}` is made here", "value"),),
        )
    else:
        yield Diagnosis("the optimizer got no parameter at all")


def _of_module(code: str, name: str, module: ModuleRecord) -> Iterator[Diagnosis]:
    filtered = "if " in code or "filter(" in code
    if filtered and module.children:
        yield Diagnosis(
            f"no parameter of `{name}` passes `{' '.join(code.split())[:80]}`",
            cures=("unfreeze what is to learn before the optimizer is made: `model.fc.requires_grad_(True)`",),
        )
        return
    dull = {*module.children, "forward", "training"}
    loose = [one for one in module.own if one not in dull]
    built = ", ".join(f"`{one}`" for one in loose)
    held = f": its attributes {built} are no registered layers" if built and not module.children else ""
    yield Diagnosis(
        f"`{name}` (`{module.type}`) has no parameters{held}"[:200],
        cures=(
            f"`self.{loose[0]} = nn.ModuleList(...)` in `{module.type}`, in the place of a list"
            if len(loose) == 1 and held
            else "hold layers in `nn.ModuleList` or `nn.ModuleDict`, not in a list or dict",
            "hold tensors that learn as `nn.Parameter`",
        ),
        roots=(*_made(module, dull), Root(module, f"`{name}` is built here")),
    )


def _made(module: ModuleRecord, dull: set[str]) -> Iterator[Root]:
    """Where its class makes what it holds and does not register."""
    for one in module.own:
        if one not in dull and not module.children:
            holder = replace(module, holder=module.qualified, attribute=one)
            yield Root(holder, f"`{one}` is made here, and registers nothing")


def _modules(frame: FrameRecord | None) -> Iterator[ValueRecord]:
    if frame is not None:
        yield from (value for value in frame.locals if value.module is not None)
        if frame.module is not None:
            yield ValueRecord("self", module=frame.module)
