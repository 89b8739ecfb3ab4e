"""A TensorDataset of tensors whose first sizes differ."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Size mismatch between tensors", raises="AssertionError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensors stand in the user's call; the one whose first size is another's second is transposed."""
    given = failure.asked.operands if failure.asked is not None else ()
    sized = [(value, value.tensor.shape) for value in given if value.tensor is not None and value.tensor.shape]
    others = [(value, shape) for value, shape in sized if shape[0] != sized[0][1][0]]
    if not others:
        yield Diagnosis("the tensors of a dataset have several lengths: its samples are their rows, side by side")
        return
    (first, mine), (other, its) = sized[0], others[0]
    names = failure.name_of(first, "the first"), failure.name_of(other, "another")
    cures = ["make both of the same samples: a filter, a shift or `drop` that was done to one belongs to both"]
    for value, shape, size in ((other, its, mine[0]), (first, mine, its[0])):
        if len(shape) > 1 and shape[1] == size and value.code.isidentifier():
            cures.insert(0, f"`{value.code}.transpose(0, 1)`: its second size is the number of samples")
    if abs(mine[0] - its[0]) == 1:
        cures.insert(0, "one sample more: a header row, or a target that is shifted by one")
    yield Diagnosis(
        f"{names[0]} {shape_text(mine)} has {mine[0]} samples and {names[1]} {shape_text(its)} has {its[0]}",
        cures=tuple(cures),
        roots=(Root(first, f"{names[0]} got its shape here"), Root(other, f"{names[1]} got its shape here")),
    )
