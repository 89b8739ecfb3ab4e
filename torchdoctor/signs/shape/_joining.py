"""What lets tensors be joined or stacked that differ."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Said
from torchdoctor.signs.shape._sizes import shape_of, spelled

_NEAR = 16  # one part in so many: series that differ by rounding, not by what they are


def cures(
    failure: Failure, first: ValueRecord, other: ValueRecord, axis: int | None, wrong: list[int]
) -> Iterator[str]:
    left, right = shape_of(first) or (), shape_of(other) or ()
    b = spelled(failure, other, "b")
    if len(left) == len(right) == 3 and axis == 2 and left[1] == right[0] != left[0]:
        code = spelled(failure, first, "a")
        yield (
            f"`{code}[-1][:, None].expand(-1, {right[1]}, -1)`: a state is (layers, batch, hidden), and this repeats it"
        )
    elif len(left) == len(right):
        if axis is not None and len(wrong) == 1:
            yield from _of_one_rank(failure, first, b, left, right, wrong[0])
        elif axis is not None and len(wrong) == 2 and len(left) == 4 and wrong == [2, 3]:
            yield _interpolated(spelled(failure, first, "a"), b, left, right)
        elif axis is None and wrong == [0] and len(left) == 3 and {left[0], right[0]} <= {1, 3, 4}:
            yield (
                "three channels in all of them: `expand(3, -1, -1)` of a grey one, `convert('RGB')` where they are read"
            )
        elif axis is None and wrong == [0]:
            yield "`nn.utils.rnn.pad_sequence(..., batch_first=True)`, which pads them to one length"
        elif axis is None:
            yield "one size for all, by `F.interpolate`, a crop or `F.pad`, before they are stacked"
    if len(left) == len(right):
        return
    small, large, code = (left, right, spelled(failure, first, "a")) if len(left) < len(right) else (right, left, b)
    if len(small) == 2 and small[0] == large[0] and len(large) > 2 and large[2:] != (1,):
        wide = b if small is left else spelled(failure, first, "a")
        yield f"`{wide}.flatten(1)`: {shape_text((large[0], prod(large[1:])))}"
        return
    if len(large) == len(small) + 1:
        yield from _unsqueezed(small, large, code, axis)


def axis_of(failure: Failure, said: Said, rank: int) -> int | None:
    """The dimension that they are joined along: told, or asked for; None of a stack."""
    if said["d"] is not None or "r" not in said:
        return int(said["d"]) if said["d"] is not None else None
    asked = failure.operand("dim", 1)
    dim = asked.literal if asked is not None and isinstance(asked.literal, int) else 0
    return dim % rank if -rank <= dim < rank else None


def _of_one_rank(
    failure: Failure, first: ValueRecord, b: str, left: tuple[int, ...], right: tuple[int, ...], axis: int
) -> Iterator[str]:
    a = spelled(failure, first, "a")
    near = len(left) == 4 or (len(left) == 3 and 0 < abs(left[axis] - right[axis]) * _NEAR < left[axis])
    maps = near and axis > 1 and 1 not in (left[axis], right[axis])
    others = [(x, y) for index, (x, y) in enumerate(zip(left, right, strict=True)) if index != axis]
    if not maps and all(x == y for x, y in others):
        yield f"`dim={axis}`: they differ in no other, and give {left[axis] + right[axis]} there"
    if 1 in (left[axis], right[axis]):
        code, many = (a, right[axis]) if left[axis] == 1 else (b, left[axis])
        sizes = ", ".join(str(many) if index == axis else "-1" for index in range(len(left)))
        yield f"`{code}.expand({sizes})`: repeated {many} times without a copy"
    elif maps:
        yield _interpolated(a, b, left, right)


def _interpolated(a: str, b: str, left: tuple[int, ...], right: tuple[int, ...]) -> str:
    """The smaller map brought to the larger: what went up lost a row or a column of an odd size on its way down."""
    if left[2:] < right[2:] and all(x <= y for x, y in zip(left[2:], right[2:], strict=True)):
        a, b, left, right = b, a, right, left
    return f"`F.interpolate({b}, size={a}.shape[{2 - len(left)}:])`, which brings {right[2:]} to {left[2:]}"


def _unsqueezed(small: tuple[int, ...], large: tuple[int, ...], code: str, axis: int | None) -> Iterator[str]:
    """A dimension of size 1 where one is missing; repeated, where the others are joined along another one."""
    for place in range(len(small), -1, -1):
        sizes = (*small[:place], 1, *small[place:])
        if all(x == y for k, (x, y) in enumerate(zip(sizes, large, strict=True)) if k not in (place, axis)):
            repeated = tuple(large[k] if k == place else -1 for k in range(len(large)))
            more = f".expand({', '.join(map(str, repeated))})" if axis != place and large[place] > 1 else ""
            given = (*sizes[:place], large[place] if more else 1, *sizes[place + 1 :])
            yield f"`{code}.unsqueeze({place}){more}`: {shape_text(given)}"
            return
