"""What lets tensors be joined or stacked that differ."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.signs.shape._sizes import shape_of, spelled


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
            yield (
                f"`F.interpolate({b}, size={spelled(failure, first, 'a')}.shape[-2:])`, "
                f"which brings {right[2:]} to {left[2:]}"
            )
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
    for place in range(len(small), -1, -1):
        if len(large) == len(small) + 1 and large[:place] == small[:place] and large[place + 1 :] == small[place:]:
            yield f"`{code}.unsqueeze({place})`: {shape_text((*small[:place], 1, *small[place:]))}"
            return


def _of_one_rank(
    failure: Failure, first: ValueRecord, b: str, left: tuple[int, ...], right: tuple[int, ...], axis: int
) -> Iterator[str]:
    a = spelled(failure, first, "a")
    if all(x == y for index, (x, y) in enumerate(zip(left, right, strict=True)) if index != axis):
        yield f"`dim={axis}`: they differ in no other, and give {left[axis] + right[axis]} there"
    if 1 in (left[axis], right[axis]):
        code, many = (a, right[axis]) if left[axis] == 1 else (b, left[axis])
        sizes = ", ".join(str(many) if index == axis else "-1" for index in range(len(left)))
        yield f"`{code}.expand({sizes})`: repeated {many} times without a copy"
    elif axis > 1 and len(left) == 4:
        yield f"`F.interpolate({b}, size={a}.shape[-2:])`, which brings {right[2:]} to {left[2:]}"
