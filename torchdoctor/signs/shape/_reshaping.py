"""Sizes that the elements of a tensor fill."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.signs.shape._sizes import nearest, times


def cures_of(asked: tuple[int, ...], count: int, shape: tuple[int, ...] | None, code: str) -> Iterator[str]:
    """The batch that was written as a number, then the features that are others."""
    inner = prod([*asked[1:]])
    if shape and len(asked) == 2 and len(shape) > 2 and asked[0] in (-1, shape[0]):
        yield f"`{code}.flatten(1)`, and {prod(shape[1:])} features in the layer behind: {times(shape[1:])}"
        if len(shape) == 3 and asked[0] == -1:
            yield f"`{code}.flatten(0, 1)`, and {shape[2]} features in the layer behind, if each step is a row"
        return
    if shape and len(asked) == len(shape) + 1 and asked[:-2] == shape[:-1] and 0 < asked[-2] and shape[-1] % asked[-2]:
        near = nearest(asked[-2], shape[-1])
        yield (
            f"{near} in place of {asked[-2]}, which does not divide the "
            f"{shape[-1]} features: {near} * {shape[-1] // near}"
        )
        return
    if shape and len(shape) == 2 and len(asked) > 2 and asked[0] == -1 and asked[-1] == asked[-2]:
        front = prod([*asked[1:-2]])
        side = round((shape[1] / front) ** 0.5) if front > 0 else 0
        if side and front * side * side == shape[1]:
            sizes = (*asked[:-2], side, side)
            yield f"`{sizes}`: {times(sizes[1:])}, as the layer before gives"
        yield f"{prod([*asked[1:]])} outputs of the layer before, if {asked[1:]} is right"
        return
    if shape and len(asked) == 2 and len(shape) == 2 and asked[0] == -1:
        yield f"`{code}` has {shape[1]} features a row, not {asked[1]}"
        return
    if -1 not in asked and len(asked) > 1 and inner > 0 and count % inner == 0 and (not shape or asked[0] != shape[0]):
        first = count // inner
        size = f"{code}.size(0)" if shape and shape[0] == first else "-1"
        yield f"`{size}` for the {asked[0]} in front: this batch has {first}"
        return
    places = [k for k in range(len(asked)) if asked[k] != -1 and _whole(asked, k, count)]
    if -1 not in asked:
        for k in places[::-1][:2]:
            sizes = (*asked[:k], count // prod(asked[:k] + asked[k + 1 :]), *asked[k + 1 :])
            yield f"`{sizes}`: {sizes[k]} for the {asked[k]}"


def _whole(asked: tuple[int, ...], k: int, count: int) -> bool:
    others = prod(asked[:k] + asked[k + 1 :])
    return others > 0 and count % others == 0
