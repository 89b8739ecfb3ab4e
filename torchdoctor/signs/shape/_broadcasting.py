"""Broadcasting: where two shapes do not go together, and what lets them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations
from math import prod

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.signs.shape._sizes import name_of, spelled

LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss")


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
    for places in _placings(small[0], large[0]):
        rest = iter(small[0])
        padded = tuple(1 if k in places else next(rest) for k in range(len(large[0])))
        index = ["None" if k in places else ":" for k in range(len(large[0]))]
        while index[0] == "None":
            index.pop(0)
        yield f"`{code}[{', '.join(index)}]` {shape_text(padded[-len(index) :])} goes with {shape_text(large[0])}"
        return
    rows, columns = large[0][-2:]
    if len(small[0]) == 2 and small[0][0] > rows and small[0][1] > columns:
        yield f"`{code}[:{rows}, :{columns}]`: it was made for a longer one"
    elif len(small[0]) == 2 and len(large[0]) == 3 and differing(left, right) == [-2]:
        rows, steps = small[0][0], large[0][1]
        if rows > steps:
            yield f"`{code}[:{steps}]`: as many rows as there are steps"
        else:
            yield (
                f"at least {steps} rows in `{code}`, or `{spelled(failure, large[1], 'y')}[:, "
                f":{rows}]`, which cuts the rest off"
            )


def _placings(small: tuple[int, ...], large: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Where dimensions of size 1 can be put into the smaller shape, so that all others are the larger's."""
    found: list[tuple[int, ...]] = []
    if len(large) > 8:
        return found
    for places in combinations(range(len(large)), len(large) - len(small)):
        rest = iter(small)
        kept = [k for k in range(len(large)) if k not in places]
        if all(next(rest) in (1, large[k]) for k in kept):
            found.append(places)
    last = len(large) - 1
    return sorted(found, key=lambda places: (last in places and small[-1] == large[-1], tuple(-k for k in places)))


def _of_mask(pair: tuple[ValueRecord, ValueRecord], a: str, b: str, axes: list[int]) -> str | None:
    """A mask of attention that was made for the longest sequence: its corner is the mask of a shorter one."""
    for one, other, code in ((*pair, a), (*pair[::-1], b)):
        if one.tensor is None or other.tensor is None or not one.tensor.shape or not other.tensor.shape:
            continue
        if (one.tensor.dtype == "bool" or "mask" in one.code.lower()) and set(axes) <= {-1, -2}:
            wanted = [other.tensor.shape[axis] for axis in sorted(axes)]
            if all(one.tensor.shape[axis] > size for axis, size in zip(sorted(axes), wanted, strict=True)):
                corner = ", ".join(f":{size}" for size in wanted) + (", :" if axes == [-2] else "")
                return f"`{code}[..., {corner}]`: the part of the mask that is for {' by '.join(map(str, wanted))}"
    return None


def _of_one_rank(
    failure: Failure, pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]
) -> Iterator[str]:
    """A transpose, a map that a layer has made smaller, a sequence that is longer, features of another width."""
    a, b = spelled(failure, pair[0], "a"), spelled(failure, pair[1], "b")
    axes = differing(left, right)
    if len(left) > 1 and left[-2:] == right[-2:][::-1] and left[:-2] == right[:-2]:
        yield f"`{b}.transpose(-2, -1)`: the last two dimensions stand the other way round"
    elif (cut := _of_mask(pair, a, b, axes)) is not None:
        yield cut
    elif len(left) == 4 and -3 in axes:
        yield from _shortcut(a, b, left, right)
    elif len(left) == 4 and set(axes) <= {-1, -2}:
        (less, code), (more, other) = sorted([(left, a), (right, b)], key=lambda one: one[0][-2:])
        gaps = {more[axis] - less[axis] for axis in (-1, -2)}
        ratios = {-(-more[axis] // less[axis]) if less[axis] else 0 for axis in (-1, -2)}
        if len(ratios) == 1 and (ratio := ratios.pop()) > 1 and "(" in other:
            yield f"`stride={ratio}` in what makes `{other}`: {more[-2:]} becomes {less[-2:]}, as `{code}` is"
        elif len(gaps) == 1 and (gap := gaps.pop()) > 0 and gap % 2 == 0:
            name = name_of(failure, pair[0] if less is left else pair[1], "the smaller")
            yield (
                f"`padding={gap // 2}` in the convolution that makes {name} smaller, or so much in all of them together"
            )
        yield f"`F.interpolate({code}, size={other}.shape[-2:])`, which brings {less[-2:]} to {more[-2:]}"
    elif len(left) == 2 and axes == [-2]:
        whole = (left[0], right[0], max(left[1], right[1]))
        yield f"`{a}[:, None]`, if each of the {left[0]} rows meets all {right[0]} of the other: {whole}"
    elif len(left) == 3 and axes == [-2]:
        (least, short), (most, longer) = sorted([(left[-2], a), (right[-2], b)])
        if (1 in (left[0], right[0])) and (left if left[-2] == least else right)[0] == 1 != max(left[0], right[0]):
            yield f"at least {most} rows in `{short.partition('[')[0]}`, which was made for {least}"
        yield f"`{longer}[:, :{least}]`: both of {least} steps"
    elif turned := next(
        (order for order in permutations(range(min(len(left), 5))) if _turned(right, order) == left), None
    ):
        yield f"`{b}.permute{turned}`: the same sizes in another order"
    elif len(left) > 1 and axes == [-1] and not failure.calls("copy_"):
        yield f"`nn.Linear({right[-1]}, {left[-1]})` on `{b[1:-1] if b[:1] == '(' else b}`, or layers of one width"


def _shortcut(a: str, b: str, left: tuple[int, ...], right: tuple[int, ...]) -> Iterator[str]:
    """A block that changes the channels, or the size, of what is added to its output."""
    code, kept, made = (a, left, right) if a.isidentifier() and not b.isidentifier() else (b, right, left)
    strides = {x // y if y and x % y == 0 else 0 for x, y in zip(kept[2:], made[2:], strict=True)}
    if len(strides) == 1 and (stride := strides.pop()) > 0:
        how = f", stride={stride}" * (stride > 1)
        yield f"`nn.Conv2d({kept[1]}, {made[1]}, 1{how})` on `{code}` before it is added: {kept[1:]} to {made[1:]}"


def _turned(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in order)


def of_loss(
    failure: Failure, pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]
) -> Iterator[str]:
    """A loss compares numbers that belong together: nothing is to be repeated there."""
    b = spelled(failure, pair[1], "target")
    if prod(left) == prod(right):
        yield f"`{b}.reshape{shape_text(left)}`, if the numbers stand in that order"
    elif len(left) == len(right) == 4 and left[:2] == right[:2]:
        yield f"`F.interpolate({b}, size={left[2:]})`, or a network that gives {right[2:]}"
    elif len(left) == len(right) and left[:-1] == right[:-1]:
        yield f"a last layer of {right[-1]} outputs, if the target is right"
    elif len(left) == 2 and right == left[:1]:
        yield (
            f"a last layer of one output and `{b}[:, None]`, or "
            f"`F.cross_entropy`, if {left[1]} are the scores of classes"
        )
    else:
        yield f"a target of the prediction's sizes, {shape_text(left)}"
