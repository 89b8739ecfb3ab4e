"""`copy.deepcopy` of a tensor that was computed, mostly one that a module keeps from its last forward pass."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol", raises="RuntimeError"
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The copying frames hold the module and its attributes, one of which is the computed tensor."""
    value, module = _kept(failure)
    if value is None or value.tensor is None:
        yield Diagnosis(
            "`deepcopy` met a tensor that was computed, and is no leaf of the graph",
            cures=("look for a tensor that the module keeps from its last forward pass, and keep it detached",),
        )
        return
    made = value.tensor.grad_fn
    if module is None:
        name = failure.name_of(value, "the tensor")
        code = value.code if failure.owned(value) is not None else "x"
        yield Diagnosis(
            f"{name} was computed by `{made}`, and only leaves of the graph are copied with their graph",
            cures=(f"`{code}.detach().clone()`, or `{code}.clone()` to stay in the graph",),
            roots=(Root(value, f"{name} is computed here", "value"),),
        )
        return
    where = f"{failure.layer_text(module).strip('`')}.{value.role}"
    yield Diagnosis(
        f"`{where}` {value.tensor.size_text} is a result of `{made}` that the module keeps, and no leaf of the graph",
        cures=(
            f"`self.{value.role} = ....detach()` where the module keeps it",
            f"set `{value.role}` to None before the copy, where it is not needed between two passes",
            "copy `model.state_dict()` instead of the module",
        ),
        roots=(Root(module, "the module that keeps it is built here"),),
    )


def _kept(failure: Failure) -> tuple[ValueRecord | None, ModuleRecord | None]:
    """The computed tensor, as the attribute where it is one, and the module whose attribute it is."""
    given = [one for expression in failure.expressions for one in expression.operands if one.role != "memo"]
    value = next((one for held in given for one in (held, *held.items) if _computed(one)), None)
    if value is None:
        return None, None
    same = (
        item for held in given for item in held.items if item.identity == value.identity and item.role.isidentifier()
    )
    attribute = next(same, None)
    module = next((one.module for one in given if one.module is not None), None)
    own = failure.owned(value)
    return (attribute, module) if attribute is not None and module is not None else (own or value, None)


def _computed(value: ValueRecord) -> bool:
    return value.tensor is not None and not value.tensor.leaf and value.tensor.grad_fn is not None
