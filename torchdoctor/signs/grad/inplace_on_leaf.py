"""A write in place into a leaf that learns: a parameter, or an input whose gradient is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "a view of a leaf Variable that requires grad is being used in an in-place operation",
    "a leaf Variable that requires grad is being used in an in-place operation",
    "a leaf Variable that requires grad has been used in an in-place operation",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A parameter is updated or initialized; any other leaf is mostly data that somebody asked the gradient of."""
    value = failure.operand("left", "self", "value", "input", 0)
    tensor = value.tensor if value is not None else None
    if value is None or tensor is None:
        yield Diagnosis(
            "a tensor that requires grad, and is no result of an operation, is written to in place while "
            "gradients are recorded",
            cures=("`with torch.no_grad():` around the write, where a weight is updated or initialized",),
        )
        return
    name = failure.name_of(value, "the tensor")
    code = failure.asked.code if failure.asked is not None else ""
    inside = f"`with torch.no_grad():` around `{' '.join(code.split())}`" if 0 < len(code) <= 80 else ""
    inside = inside or "`with torch.no_grad():` around the write"
    parameter = tensor.kind == "Parameter" or tensor.has_grad
    cures = [f"{inside}: an update or an initialization is not to be differentiated"]
    copy = f"write to a copy: `{value.code}.clone()`" if name == f"`{value.code}`" else "write to a `.clone()` of it"
    cures.insert(1 if parameter else 0, f"{copy}, where the write is a part of the computation")
    layer = failure.layer
    if layer is not None and layer.facts.get("inplace") is True:
        cures.insert(0, f"`nn.{layer.type}()` without `inplace=True`")
    what = "is a parameter" if tensor.kind == "Parameter" else "requires grad and is a leaf of the graph"
    yield Diagnosis(
        f"{name} {tensor.size_text} {what}, and is written to in place while gradients are recorded",
        cures=tuple(cures),
        roots=(Root(value, f"{name} begins to require grad here", "grad"),),
    )
