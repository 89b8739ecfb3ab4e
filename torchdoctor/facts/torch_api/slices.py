"""Slices as they are written in a subscript, and what they leave of a dimension."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.values import Const, Dim, Known, Tensor, Value


@fixed
class Slice:
    """`lower:upper:step` in a subscript; None for what is not written."""

    lower: Value | None = None
    upper: Value | None = None
    step: Value | None = None


Key = Value | Slice


def left_as_it_is(tensor: Tensor, keys: tuple[Key, ...]) -> Known[Shape] | None:
    """The last dimensions that the keys leave as they are, of a tensor of unknown rank: those that are named by a bare
    colon at the end, and those behind all keys."""
    ends = tensor.ending.value if tensor.ending is not None else ()
    if not all(map(consumes, keys)):
        return None
    bare = 0
    while bare < len(keys) and isinstance(key := keys[-bare - 1], Slice) and _is_whole(key):
        bare += 1
    kept = ends[-max(bare, len(ends) - len(keys)) :] if max(bare, len(ends) - len(keys)) > 0 else ()
    return Known(kept, tensor.ending.because) if tensor.ending is not None and set(kept) - {None} else None


def _is_whole(key: Slice) -> bool:
    return is_absent(key.lower) and is_absent(key.upper) and is_absent(key.step)


def consumes(key: Key) -> bool:
    return not (isinstance(key, Const) and (key.value is None or key.value is Ellipsis))


def is_absent(part: Value | None) -> bool:
    return part is None or (isinstance(part, Const) and part.value is None)


def bound(part: Value | None) -> Dim:
    return None if part is None or is_absent(part) else s.dim(part)


def length_of(size: Dim, key: Slice) -> tuple[Dim, bool | None]:
    """How many entries a slice takes of a dimension, and whether these are fewer; a size not known is more than one."""
    parts = (key.lower, key.upper, key.step)
    bounds = [bound(part) for part in parts]
    if any(bound is None and not is_absent(part) for bound, part in zip(bounds, parts, strict=True)):
        return None, None
    if isinstance(size, int) and all(isinstance(bound, (int, type(None))) for bound in bounds):
        length = len(range(*slice(*bounds).indices(size)))
        return length, length < size
    lower, upper, step = bounds
    if step not in (None, 1):
        return None, None
    start: Dim = 0 if lower is None else lower
    if start == 0 and upper is None:
        return size, False
    if (upper is None and start == 1) or (start == 0 and upper == -1):
        return s.difference(size, 1), True
    if (upper is None and start == -1) or (start == 0 and upper == 1):
        return 1, True
    if start == 0 and s.same(upper, size):
        return size, False
    return None, None
