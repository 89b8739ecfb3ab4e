"""Broadcasting: where two shapes do not go together, and what lets them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.signs.shape._sizes import spelled


def differing(left: tuple[int, ...], right: tuple[int, ...]) -> list[int]:
    """The dimensions, counted from the end (-1 is the last), in which two shapes do not go together."""
    pairs = zip(left[::-1], right[::-1], strict=False)
    return [-index for index, (a, b) in enumerate(pairs, 1) if a != b and 1 not in (a, b)]


def cures(
    failure: Failure, pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]
) -> Iterator[str]:
    small, large = sorted(((left, pair[0]), (right, pair[1])), key=lambda one: len(one[0]))
    code = spelled(failure, small[1], "x")
    if len(left) == len(right):
        yield from _of_one_rank(failure, pair, left, right)
        return
    for start in range(len(large[0]) - len(small[0]), -1, -1):
        behind = len(large[0]) - len(small[0]) - start
        padded = (*small[0], *[1] * behind)
        if behind and not differing(padded, large[0]):
            index = ", ".join([":"] * len(small[0]) + ["None"] * behind)
            yield f"`{code}[{index}]` {shape_text(padded)} goes with {shape_text(large[0])}"
            return


def _of_one_rank(
    failure: Failure, pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]
) -> Iterator[str]:
    """A transpose, a map that a layer has made smaller, a sequence that is longer, features of another width."""
    a, b = spelled(failure, pair[0], "a"), spelled(failure, pair[1], "b")
    axes = differing(left, right)
    if len(left) > 1 and left[-2:] == right[-2:][::-1] and left[:-2] == right[:-2]:
        yield f"`{b}.transpose(-2, -1)`: the last two dimensions stand the other way round"
    elif len(left) == 4 and set(axes) <= {-1, -2}:
        gap = left[axes[0]] - right[axes[0]]
        if gap > 0 and gap % 2 == 0 and all(left[axis] - right[axis] == gap for axis in (-1, -2)):
            yield f"`padding={gap // 2}` in the convolution between, or so much in all that takes {gap} away"
        yield f"`F.interpolate({b}, size={a}.shape[-2:])`, which brings {right[-2:]} to {left[-2:]}"
    elif len(left) == 3 and axes == [-2]:
        longer, least = (a, right[-2]) if left[-2] > right[-2] else (b, left[-2])
        yield f"`{longer}[:, :{least}]`: both of {least} steps"
    elif len(left) > 1 and axes == [-1]:
        yield f"`nn.Linear({right[-1]}, {left[-1]})` on `{b[1:-1] if b[:1] == '(' else b}`, or layers of one width"
