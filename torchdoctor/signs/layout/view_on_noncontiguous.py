"""`view` of memory that does not lie in that order, in torch's words.

Silent about what `view` refuses for other reasons (a size that is not there, a dtype).
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("view size is not compatible with input tensor's size and stride", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor's sizes and strides are at hand in a live run; a pasted text says only that they do not fit."""
    value = failure.operand("self")
    name = failure.name_of(value, "the tensor")
    if value is None or value.tensor is None or value.tensor.strides is None:
        yield Diagnosis(
            "`view` was asked to merge dimensions that do not lie next to each other in memory",
            ("`reshape(...)` instead of `view(...)`",),
        )
        return
    shape, strides = value.tensor.size_text, shape_text(value.tensor.strides)
    asked = failure.asked
    cure = (
        f"`{asked.code.replace('.view(', '.reshape(')}`"
        if asked is not None and asked.code.count(".view(") == 1
        else ""
    )
    yield Diagnosis(
        f"{name} {shape} lies in memory with strides {strides}: `view` cannot merge its dimensions",
        cures=(cure or "`reshape(...)` instead of `view(...)`", "`.contiguous()` before `view`"),
        roots=(Root(value, f"{name} got its strides {strides} here", "layout"),),
        evidence=tuple(_gaps(value.tensor)),
    )


def _gaps(tensor: TensorRecord) -> Iterator[str]:
    """Which neighbouring dimensions are not neighbours in memory."""
    shape, strides = tensor.shape or (), tensor.strides or ()
    for axis in range(min(len(shape), len(strides)) - 1):
        if shape[axis] > 1 and shape[axis + 1] > 1 and strides[axis] != strides[axis + 1] * shape[axis + 1]:
            yield f"dimensions {axis} and {axis + 1} are no neighbours: one step of {axis} is {strides[axis]} elements"
