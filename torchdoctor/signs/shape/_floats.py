"""Floats among sizes: which they are, and how they become whole numbers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord


def among(failure: Failure) -> Iterator[ValueRecord]:
    for expression in reversed(failure.expressions):
        for value in expression.operands:
            for one in (*value.items, value):
                if one.type == "float" and one.role not in ("p", "eps", "momentum", "lr", "dropout", "scale_factor"):
                    yield one


def cures(code: str, number: float) -> Iterator[str]:
    if " / " in code and code.count("/") == 1:
        yield f"`{code.replace(' / ', ' // ')}`"
    elif "/" in code and code.count("/") == 1:
        yield f"`{code.replace('/', '//')}`"
    elif number == int(number):
        yield (
            f"`int({code})`, or `//` where it is divided" if not code.replace(".", "").isdigit() else f"`{int(number)}`"
        )
    if number != int(number):
        yield f"`round({code})` or `math.ceil({code})`: {number:g} is no whole number"
