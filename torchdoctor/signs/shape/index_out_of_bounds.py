"""An index beyond the size of its dimension: in a subscript, `gather`, `scatter`, `select`, `take`, `narrow`.

Silent about embeddings, labels and recurrent layers, which have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made
from torchdoctor.signs.shape._indices import cures_of, from_one
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, tensor_at


@on_failure(
    "index {i:d} is out of bounds for dimension {d:d} with size {n:d}",
    "select(): index {i:d} out of range for tensor of size {sizes:s} at dimension {d:d}",
    "out of range: tried to access index {i:d} on a tensor of {n:d} elements",
    "start ({start:d}) + length ({length:d}) exceeds dimension size ({n:d})",
    "INDICES element is out of DATA bounds, id={i:d} axis_dim={n:d}",
    "^index out of range in self",
    raises=("IndexError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the index and the size; the record has the names and the other dimensions."""
    if failure.calls("embedding", "Embedding", "embedding_bag") or (failure.layer is not None and "i" in said):
        return
    if "in self" in said.text and not failure.calls("index_select"):
        return
    value, index = tensor_at(failure, "self", "value", "input", 0), _index(failure)
    shape, name = shape_of(value), name_of(failure, value, "the tensor")
    called = name_of(failure, index, "the index")
    many = index is not None and bool(index.tensor and index.tensor.rank)
    at, axis, size = said["i"], said["d"], said["n"]
    if "start" in said:
        yield Diagnosis(f"{said['length']} elements from {said['start']} on were asked for, of a dimension of {size}")
        return
    if axis is None and failure.calls("index_select"):
        axis = next((one.literal for one in failure.values if type(one.literal) is int), None)
    most = index.tensor.most if index is not None and index.tensor is not None else None
    if at is None and most is not None and isfinite(most) and shape and axis in range(-len(shape), len(shape)):
        at, size = int(most), shape[axis]
    if size is None and said["sizes"] and axis in range(len(said["sizes"])):
        size = said["sizes"][axis]
    if size is None:
        return
    shown = f"{name} {shape_text(shape)}" if shape is not None else "a tensor"
    where = f"dim {axis} of {shown} has {size}" if axis is not None else f"{shown} has {size} elements"
    held = f"{called} holds {at}" if many else f"the index is {at}"
    yield Diagnosis(
        f"{held}, and {where}: {f'0 to {size - 1}' if size else 'it is empty'}",
        cures=tuple(from_one(failure, index, size) or cures_of(failure, value, at, axis, size, many)),
        roots=(*roots(failure, None, "", value), *made(index, f"{called} is made here", "value")),
    )


def _index(failure: Failure) -> ValueRecord | None:
    """The tensor of indices, where there is one."""
    found = failure.operand("index", 1)
    if found is not None and found.items:
        found = next((one for one in found.items if one.tensor is not None), found)
    if found is not None and found.tensor is None:
        tensors = [one for one in failure.values if one.tensor is not None and one.tensor.dtype.startswith("int")]
        found = tensors[-1] if tensors and failure.called != "[]" else found
    return found
