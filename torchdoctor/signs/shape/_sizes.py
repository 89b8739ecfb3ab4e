"""Sizes as the signs of shapes weigh and spell them."""

from __future__ import annotations

from math import isqrt, prod

from torchdoctor.record import Failure, ModuleRecord, ValueRecord
from torchdoctor.sign import Root
from torchdoctor.signs._words import operand

_LONGEST = 40
_MOST_DIVISORS = 100_000  # a pasted text may hold any number


def shape_of(value: ValueRecord | None) -> tuple[int, ...] | None:
    """The sizes of a value that is a tensor, where they are known."""
    return value.tensor.shape if value is not None and value.tensor is not None else None


def tensor_at(failure: Failure, *keys: str | int) -> ValueRecord | None:
    """The operand of the first of these roles or positions that is a tensor, innermost first."""
    for key in keys:
        for expression in failure.expressions:
            found = expression.operand(key)
            if found is not None and found.tensor is not None:
                return found
    return None


def name_of(failure: Failure, value: ValueRecord | None, otherwise: str = "the input") -> str:
    """What the user's code calls a value, in backticks, and short enough for two of them to stand in one line."""
    name = failure.name_of(value, otherwise)
    return name if len(name) <= _LONGEST + 2 or not name.startswith("`") else f"{name[: _LONGEST - 2]}...`"


def spelled(failure: Failure, value: ValueRecord | None, otherwise: str = "x") -> str:
    """What the user's code calls a value, fit for a method to be called on it, or ``otherwise``."""
    own = failure.owned(value)
    code = " ".join(own.code.split()) if own is not None else ""
    if not code or len(code) > _LONGEST:
        return otherwise
    return operand(code)


def transposed(failure: Failure, value: ValueRecord | None, otherwise: str = "x") -> str:
    """The code that swaps the last two dimensions of a value."""
    rank = len(shape_of(value) or ())
    return f"{spelled(failure, value, otherwise)}{'.T' if rank == 2 else '.transpose(-2, -1)'}"


def times(sizes: tuple[int, ...]) -> str:
    """Sizes as a product: "64 * 7 * 7 = 3136"."""
    return f"{' * '.join(map(str, sizes))} = {prod(sizes)}"


def roots(
    failure: Failure, layer: ModuleRecord | None, built: str, *values: ValueRecord | None, aspect: str = "shape"
) -> tuple[Root, ...]:
    """Where the layer is built, and where the values got their sizes."""
    found = [Root(layer, built)] if layer is not None else []
    for value in values:
        shape = shape_of(value)
        if value is not None and value.tensor is not None and shape is not None:
            name = name_of(failure, value, "this")
            found.append(Root(value, f"{name} gets its sizes {value.tensor.size_text} here", aspect))
            if value.given_by is not None and value.given_by.module is not None:
                found.append(Root(value.given_by.module, f"{name} comes from this"))
    return tuple(found)


def nearest(wanted: int, whole: int) -> int:
    """The divisor of ``whole`` that lies nearest to ``wanted``; of an absurdly large one, of those soon found."""
    small = [n for n in range(1, min(isqrt(max(whole, 1)), _MOST_DIVISORS) + 1) if whole % n == 0]
    return min((*small, *(whole // n for n in small)), key=lambda n: (abs(n - wanted), -n))
