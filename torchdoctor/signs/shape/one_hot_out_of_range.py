"""`F.one_hot` of a class beyond `num_classes` or a negative one."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, spelled, tensor_at


@on_failure(
    "Class values must be smaller than num_classes",
    "Class values must be non-negative",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The values' extremes and the number of classes are at hand in a live run."""
    value, classes = tensor_at(failure, "input", "tensor", "self", 0), failure.operand("num_classes", 1)
    tensor = value.tensor if value is not None else None
    name, code = name_of(failure, value, "the input"), spelled(failure, value, "labels")
    count = classes.literal if classes is not None and type(classes.literal) is int else None
    if "negative" in said.text:
        least = _whole(tensor.least) if tensor is not None else None
        text = f"{name} holds {'a negative class' if least is None else least}, and classes count from 0"
        cures = [f"`{code}.clamp(min=0)` and a mask, if {'it' if least is None else least} marks what does not count"]
    else:
        most = _whole(tensor.most) if tensor is not None else None
        most = None if tensor is not None and tensor.worked_out else most
        limit = f"num_classes is {count}: 0 to {count - 1}" if count is not None else "`num_classes` is smaller"
        text = (
            f"{name} holds the class {most}, and {limit}"
            if most is not None
            else f"{name} holds a class beyond `num_classes`"
        )
        cures = []
        if most is not None:
            cures.append(f"`num_classes={most + 1}`, at least")
        if most is not None and most == count and tensor is not None and tensor.least:
            cures.insert(0, f"`{code} - 1`, if the classes are numbered from 1")
    yield Diagnosis(
        text,
        cures=tuple(cures),
        roots=(Root(value, f"{name} is made here", "value"),) if value is not None else (),
    )


def _whole(number: float | None) -> int | None:
    """The class that a value stands for; None where it is not known, or no number."""
    return int(number) if number is not None and isfinite(number) else None
