"""Tensors that are joined or stacked though they differ in another dimension, or in the number of dimensions.

Samples of different sizes that a loader's collate stacks have a rule of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.shape._joining import axis_of, cures
from torchdoctor.signs.shape._sizes import name_of, shape_of

JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "row_stack")


@on_failure(
    (
        "Sizes of tensors must match except in dimension {d:d}. Expected "
        "size {x:d} but got size {y:d} for tensor number {k:d}"
    ),
    (
        "Sizes of tensors must match except in dimension {d:d}. Expected {x:d} "
        "in dimension {other:d} but got {y:d} for tensor number {k:d}"
    ),
    "Tensors must have same number of dimensions: got {r:d} and {r2:d}",
    "stack expects each tensor to be equal size, but got {first:s} at entry 0 and {second:s} at entry {k:d}",
    "stack expects each tensor to be equal size, but got {first:s} at entry 0",
    "zero-dimensional tensor (at position {k:d}) cannot be concatenated",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """All parts stand in the list; the text tells of one dimension of one of them."""
    if any(frame.function in ("collate", "default_collate", "collate_tensor_fn") for frame in failure.frames):
        return
    if "zero-dimensional" in said.text:
        cure = "`torch.stack(...)` in place of `cat`: single numbers have no dimension to be joined along"
        yield Diagnosis(f"number {said['k']} of the tensors to be joined is a single number", (cure,))
        return
    parts = _parts(failure)
    odd = next((k for k, one in enumerate(parts) if k and shape_of(one) != shape_of(parts[0])), None)
    if odd is None or said["k"] in range(1, len(parts)):
        odd = said["k"]
    if odd is None or not 0 <= odd < len(parts) or shape_of(parts[0]) is None or shape_of(parts[odd]) is None:
        yield _text(said)
        return
    first, other = parts[0], parts[odd]
    a, b = name_of(failure, first, "the first"), name_of(failure, other, f"number {odd}")
    left, right = shape_of(first) or (), shape_of(other) or ()
    shapes = f"{a} {shape_text(left)} and {b} {shape_text(right)}"
    how = "are stacked" if "r" not in said and said["d"] is None else f"are joined along dim {said['d']}"
    wrong = [axis for axis in range(min(len(left), len(right))) if left[axis] != right[axis] and axis != said["d"]]
    yield Diagnosis(
        f"{shapes} "
        + (
            "differ in their number of dimensions"
            if "r" in said
            else f"{how} and differ in dim {wrong[0]}"
            if wrong
            else how
        ),
        cures=tuple(cures(failure, first, other, axis_of(failure, said, max(len(left), len(right))), wrong)),
        roots=tuple(Root(one, f"{name} gets its sizes here") for one, name in ((first, a), (other, b)) if "`" in name),
    )


def _text(said: Said) -> Diagnosis:
    if "r" in said:
        return Diagnosis(f"tensors of {said['r']} and of {said['r2']} dimensions are joined")
    if "first" in said:
        other = f"{said['second']} (number {said['k']})" if "second" in said else "others"
        return Diagnosis(f"tensors of the sizes {said['first']} and {other} are stacked")
    sizes = f"number {said['k']} has {said['y']} where the first has {said['x']}"
    return Diagnosis(f"tensors are joined along dim {said['d']} that differ in another one: {sizes}")


def _parts(failure: Failure) -> tuple[ValueRecord, ...]:
    """The tensors of the list: of a list that was written out, or of one that has a name."""
    for expression in failure.expressions:
        if expression.name.rpartition(".")[2] in JOINS:
            found = expression.operand("tensors", 0)
            if found is not None and found.items:
                return found.items
    return ()
