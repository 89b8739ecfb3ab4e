"""The dtype of a layer's input, or of a product's left side, and that of what it meets: in all of torch's words."""

from __future__ import annotations

from dataclasses import dataclass

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Said
from torchdoctor.signs._words import dtype_of

TEXTS = (
    "mat1 and mat2 must have the same dtype, but got {one:w} and {other:w}",
    "expected m1 and m2 to have the same dtype, but got: {one} != {other}$",
    "Input type ({one}) and weight type ({other}) should be the same",
    "Input type ({one}) and bias type ({other}) should be the same",
    "RNN input dtype ({one:w}) does not match weight dtype ({other:w})",
    "expected mat1 and mat2 to have the same dtype, but got: {one} != {other}$",
)
_WHOLE = ("int", "uint", "bool")


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two dtypes that met: ``value`` is what came, of ``dtype``, and ``other`` what it met, of ``wanted``."""

    dtype: str
    wanted: str
    value: ValueRecord | None
    other: ValueRecord | None

    @property
    def whole(self) -> bool:
        """Whether what came are integers, and what it met are not."""
        return self.dtype.startswith(_WHOLE) and not self.wanted.startswith(_WHOLE)


def meeting(failure: Failure, said: Said) -> Meeting | None:
    """What met; None where it is devices that differ (their types are written as torch.cuda.FloatTensor)."""
    one, other = _plain(said["one"]), _plain(said["other"])
    if one is None or other is None or one == other:
        return None
    value, weight = failure.operand("input", "left", "self", 0), failure.operand("weight", "right", 1)
    if value is not None and value.tensor is None:
        value = None
    if weight is not None and weight.tensor is None:
        weight = None
    if value is not None and weight is not None and value.tensor is not None and weight.tensor is not None:
        one, other = value.tensor.dtype, weight.tensor.dtype
    if one.startswith("float") and other.startswith(_WHOLE):
        one, other, value, weight = other, one, weight, value
    return Meeting(one, other, value, weight)


def _plain(said: str | None) -> str | None:
    """The dtype that is said; None where devices are."""
    word = str(said or "")
    if word.endswith("Tensor"):
        kinds = word.removeprefix("torch.").split(".")
        return None if len(kinds) > 1 else dtype_of(kinds[-1].removesuffix("Tensor"))
    return dtype_of(word)
