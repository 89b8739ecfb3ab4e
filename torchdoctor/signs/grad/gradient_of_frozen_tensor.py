"""A gradient, a hook on it, or its keeping, of a tensor that requires none."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "One of the differentiated Tensors does not require grad",
    "cannot register a hook on a tensor that doesn't require gradient",
    "can't retain_grad on Tensor that has requires_grad=False",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is data, or was detached, or was computed while gradients were off."""
    asked = failure.asked
    value: ValueRecord | None = None
    if asked is not None:
        inputs = asked.operand("inputs", 1) if asked.name.endswith("autograd.grad") else asked.operand("self")
        found = inputs.items or (inputs,) if inputs is not None else ()
        value = next((one for one in found if one.tensor is not None and not one.tensor.requires_grad), None)
    if value is None or value.tensor is None:
        yield Diagnosis("a gradient was asked of a tensor that does not require grad")
        return
    name = failure.name_of(value, "the tensor")
    if value.tensor.floating:
        own = f"`{value.code}.requires_grad_()`" if value.code.isidentifier() else "`.requires_grad_()`"
        parameter = value.tensor.kind == "Parameter"
        cures = [f"{own} before the forward pass: no graph leads to it otherwise"]
        if not parameter:
            cures.append(f"where {name} was computed: compute it outside of `torch.no_grad()`, and without `detach()`")
        what = "is a frozen parameter" if parameter else "does not require grad"
    else:
        cures = (
            [f"`{value.code}.float().requires_grad_()` before the forward pass"] if value.code.isidentifier() else []
        )
        what = f"holds `{value.tensor.dtype}`, which no gradient exists of"
    yield Diagnosis(
        f"{name} {value.tensor.size_text} {what}",
        cures=tuple(cures),
        roots=(Root(value, f"{name} is made here, without grad", "grad"),),
    )
