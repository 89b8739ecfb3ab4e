"""`torch.autograd.grad` for a tensor that the output was not computed from."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "The differentiated Tensor at index {k:d} appears to not have been used in the graph",
    "One of the differentiated Tensors appears to not have been used in the graph",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The index leads to the input; one that was made anew after the output was computed is the usual case."""
    asked = failure.asked
    inputs = asked.operand("inputs", 1) if asked is not None and "grad" in asked.name else None
    outputs = asked.operand("outputs", 0) if asked is not None and "grad" in asked.name else None
    value = _at(inputs, said["k"])
    named = value is not None and value.code
    name = failure.name_of(value, f"`{value.code}`" if named and value is not None else "the input")
    if value is None:
        index = "" if said["k"] is None else f" at index {said['k']}"
        yield Diagnosis(f"the output was not computed from the input{index}: no path of the graph leads to it")
        return
    output = failure.name_of(outputs, "the output")
    view = value.tensor is not None and not value.tensor.leaf
    evidence = (f"{name} was itself computed, by `{value.tensor.grad_fn}`",) if view and value.tensor else ()
    yield Diagnosis(
        f"{output} was not computed from {name}: no path of the graph leads from one to the other",
        cures=(
            f"compute {output} from this very {name}, not from the tensor that it was made of or copied to"
            if view
            else f"compute {output} from {name}, where it is meant to depend on it",
            "`allow_unused=True`, where it need not depend on it; its gradient is then None",
        ),
        roots=(Root(value, f"{name} is made here", "value"),),
        evidence=evidence,
    )


def _at(inputs: ValueRecord | None, index: int | None) -> ValueRecord | None:
    if inputs is None or not inputs.items:
        return inputs if inputs is not None and inputs.tensor is not None else None
    if index is None:
        return inputs.items[0] if len(inputs.items) == 1 else None
    return inputs.items[index] if index < len(inputs.items) else None
