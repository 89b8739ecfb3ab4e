"""A NumPy array that is read backwards: `image[:, ::-1]`, `np.flip`, BGR to RGB."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "At least one stride in the given numpy array is negative",
    "some of the strides of a given numpy array are negative",
    raises="ValueError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The array is an operand of the call that makes the tensor, where it has a name."""
    array = next((value for value in failure.values if _backwards(value)), None)
    cured = "`.copy()` of the array, or `np.ascontiguousarray(array)`"
    if array is None or array.tensor is None:
        asked = failure.asked
        given = asked.operands[0].code if asked is not None and asked.operands else ""
        cure = f"`{given}.copy()`" if given and len(given) < 60 else cured
        yield Diagnosis("the NumPy array is read backwards in one dimension, and no tensor can be", (cure,))
        return
    strides, name = array.tensor.strides or (), failure.name_of(array, "the array")
    axis = next(n for n, step in enumerate(strides) if step < 0)
    code = code_of(failure, array, "array")
    cures = [f"`{code}.copy()`: the same numbers, laid out forwards"]
    if axis == len(strides) - 1 and (array.tensor.shape or ())[axis:] == (3,):
        cures.append("`cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`: it copies as well")
    else:
        cures.append(f"`torch.flip(tensor, dims=({axis},))` of the tensor, instead of a flip of the array")
    yield Diagnosis(
        f"{name} {array.tensor.size_text} is read backwards in dimension {axis}, and no tensor can be",
        cures=tuple(cures),
        roots=made(array, f"{name} is turned around here", "layout"),
    )


def _backwards(value: ValueRecord) -> bool:
    tensor = value.tensor
    return tensor is not None and tensor.kind == "ndarray" and any(step < 0 for step in tensor.strides or ())
