"""An optimizer that was given something else than parameters: the model, a method, a name, a layer."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "params argument given to the optimizer should be an iterable of Tensors or dicts, but got {type:w}",
    "optimizer can only optimize Tensors, but one of the params is {item:w}",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A lone tensor has its own text; names, layers and generators come as items."""
    given = failure.asked.operand("params", 0) if failure.asked is not None else None
    code = given.code if given is not None and len(given.code) < 60 else ""
    if "type" in said:
        name = f"`{code}`" if code else "what the optimizer was given"
        yield Diagnosis(
            f"{name} is one tensor, a `{said['type']}`, where the optimizer takes a list of them",
            cures=(f"`[{code or 'tensor'}]`",),
        )
        return
    item = said["item"]
    yield Diagnosis(f"the optimizer was given {_described(item)} among its parameters", cures=(_cure(item, code),))


_CLIPPING = ("clip_grad_norm_", "clip_grad_value_", "get_total_norm", "clip_grads_with_norm_")


@on_failure("object is not iterable", raises="TypeError", plain=False)
def whole(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`Adam(model)` and `Adam(model.parameters)`, which speak of an object that is not iterable; clipping as well."""
    asked = failure.asked
    clips = asked is not None and asked.name.rpartition(".")[2] in _CLIPPING
    if asked is None or not (asked.name.startswith("torch.optim.") or clips) or "lr_scheduler" in asked.name:
        return
    given = asked.operand("params", "parameters", 0)
    code = given.code if given is not None and len(given.code) < 60 else "model"
    optimizer = asked.name.rpartition(".")[2]
    if given is not None and given.module is not None:
        what, cure = f"`{code}`, a module, not its parameters", f"`{optimizer}({code}.parameters(), ...)`"
    elif given is None or given.type == "method" or _is_method(given):
        what, cure = f"`{code}` itself, a method that was not called", f"`{optimizer}({code}(), ...)`"
    else:
        return
    yield Diagnosis(f"`{optimizer}` was given {what}", cures=(cure,))


def _is_method(value: ValueRecord) -> bool:
    return value.code.endswith("parameters") and value.tensor is None and not value.items


def _described(item: str) -> str:
    if item == "str":
        return "names"
    if item.endswith("Module.parameters") or item == "generator":
        return "a generator of parameters"
    return f"a `{item.rpartition('.')[2]}`"


def _cure(item: str, code: str) -> str:
    if item == "str":
        return "`model.parameters()` instead of `model.state_dict()` or names: tensors alone"
    if item.endswith("Module.parameters") or item == "generator":
        inner = code[1:-1] if code.startswith("[") and "," not in code else ""
        return f"`{inner}`, without the brackets" if inner else "join them: `[*a.parameters(), *b.parameters()]`"
    return "the layer's parameters in its place: `[*first.parameters(), *second.parameters()]`"
