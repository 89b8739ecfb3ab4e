"""`expand` to sizes that the tensor cannot be repeated to, and `repeat` with fewer numbers than dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at

_EXPANDING = ("expand", "expand_as", "broadcast_to", "broadcast_tensors")


@on_failure(
    (
        "The expanded size of the tensor ({x:d}) must match the existing size ({y:d}) at "
        "non-singleton dimension {d:d}. Target sizes: {target:s}. Tensor sizes: {own:s}"
    ),
    "expand({}{[{}]}, size={target:s}): the number of sizes provided ({few:d}) must be greater or equal",
    "expand: the requested shape has too few dimensions",
    "expand: attempting to expand a dimension of length {y:d} -> {x:d}!",
    "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
    "repeats must have the same size as input along dim, but got repeats.size(0) = {n:d} and input.size({:d}) = {m:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where `expand` or `repeat` was called: a subscript that is assigned to speaks the same text."""
    value = tensor_at(failure, "self", "input", 0)
    own, target = shape_of(value) or said["own"], said["target"]
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    shown = f"{name} {shape_text(own)}" if own is not None else name
    if "n" in said:
        cure = f"a number for each of the {said['m']}, or one number for all"
        yield Diagnosis(f"`repeat_interleave` of {shown} gets {said['n']} numbers for {said['m']} elements", (cure,))
        return
    if "repeat dims" in said.text:
        rank = f"{len(own)} dimensions, {shown}" if own else "more dimensions"
        numbers = (
            f"`repeat` takes a number for each dimension: {len(own)} of them" if own else "a number for each dimension"
        )
        yield Diagnosis(
            f"`repeat` of a tensor of {rank} got fewer numbers", (numbers,), roots=roots(failure, None, "", value)
        )
        return
    if failure.expressions and not failure.calls(*_EXPANDING):
        return
    if not failure.expressions and "x" in said and target and own and len(target) == len(own) == 1:
        return  # as likely an assignment
    if target is None and "y" in said:
        yield Diagnosis(f"a dimension of {said['y']} cannot be expanded, or written, to {said['x']}: only 1 can")
        return
    yield Diagnosis(
        f"{shown} cannot be expanded to {shape_text(target)}" if target else f"{shown} is expanded to fewer dimensions",
        cures=tuple(_cures(own, target, code)),
        roots=roots(failure, None, "", value),
    )


def _cures(own: tuple[int, ...] | None, target: tuple[int, ...] | None, code: str) -> Iterator[str]:
    if not own or not target:
        return
    if len(target) < len(own):
        yield f"{len(own)} sizes at least: `expand` puts new dimensions in front, and `-1` keeps one as it is"
        return
    for places in combinations(range(len(target)), len(target) - len(own)) if len(target) <= 8 else ():
        rest = iter(own)
        padded = tuple(1 if k in places else next(rest) for k in range(len(target)))
        if all(size in (1, wanted) or wanted == -1 for size, wanted in zip(padded, target, strict=True)):
            index = ", ".join("None" if k in places else ":" for k in range(len(target)))
            yield f"`{code}[{index}].expand({', '.join(map(str, target))})`: {shape_text(padded)} first"
            return
    wrong = [k for k in range(1, len(own) + 1) if own[-k] not in (1, target[-k]) and target[-k] != -1]
    if wrong and own[-wrong[0]] > 1 and target[-wrong[0]] % own[-wrong[0]] == 0:
        times = [1] * len(target)
        times[-wrong[0]] = target[-wrong[0]] // own[-wrong[0]]
        yield f"`{code}.repeat({', '.join(map(str, times))})`: `expand` repeats only dimensions of size 1"
