"""Two tensors that are both stretched to fit each other: (N, 1) and (N,) make N x N."""

from __future__ import annotations

from dataclasses import dataclass

from torchdoctor.facts import sizes as s
from torchdoctor.facts.refusal import shape_text
from torchdoctor.facts.values import Dim, Tensor

Dims = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The shapes of two tensors that both grow, and what they grow to; in words."""

    left: str
    right: str
    result: str
    ranks: tuple[int | None, int | None]

    @property
    def is_column_and_row(self) -> bool:
        """Whether one is a column, (N, 1), and the other has no dimension for it."""
        return None in self.ranks or self.ranks[0] != self.ranks[1]


def stretched(a: Tensor, b: Tensor) -> Stretch | None:
    """How both grow when they are combined element by element; None where that is not sure.

    A size that is a symbol is taken to be more than one. Of a tensor whose last dimensions alone are known, the
    dimensions before them count as the batch.
    """
    if a.shape is None or b.shape is None:
        return _by_tail(a, b) or _turned(_by_tail(b, a))
    left, right = a.shape.value, b.shape.value
    grows = [False, False]
    result: list[Dim] = []
    for place in range(1, max(len(left), len(right)) + 1):
        x, y = _at(left, place), _at(right, place)
        if isinstance(x, int) and isinstance(y, int) and 1 not in (x, y) and x != y:
            return None  # torch refuses
        grows[0] |= x == 1 and _is_several(y)
        grows[1] |= y == 1 and _is_several(x)
        result.insert(0, y if x == 1 else x)
    if not all(grows):
        return None
    return Stretch(shape_text(left), shape_text(right), shape_text(tuple(result)), (len(left), len(right)))


def _at(shape: Dims, from_end: int) -> Dim:
    return shape[-from_end] if from_end <= len(shape) else 1


def _is_several(size: Dim) -> bool:
    return size is not None and size != 1


def _by_tail(a: Tensor, b: Tensor) -> Stretch | None:
    """The same for a column of a rank that is not known, what `Linear(d, 1)` gives, and a tensor of one dimension."""
    if a.shape is not None or a.tail is None or a.tail.value != (1,) or b.shape is None:
        return None
    if len(b.shape.value) != 1 or not _is_several(b.shape.value[0]):
        return None
    length = s.text(b.shape.value[0])
    return Stretch("(..., 1)", shape_text(b.shape.value), f"(..., {length})", (None, 1))


def _turned(found: Stretch | None) -> Stretch | None:
    return None if found is None else Stretch(found.right, found.left, found.result, (found.ranks[1], found.ranks[0]))
