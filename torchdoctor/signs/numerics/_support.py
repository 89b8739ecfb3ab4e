"""A value whose `log_prob` is asked for, and that the distribution cannot give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis
from torchdoctor.signs._words import code_of, made

_BOUND = re.compile(r"(lower|upper)_bound=(-?[\d.]+)")


def outside(failure: Failure, kind: str, support: str, nan: bool) -> Diagnosis:
    """The bounds stand in the text, the extremes of the value in the record."""
    value = _value(failure)
    tensor = value.tensor if value is not None else None
    name, code = failure.name_of(value, "a value"), code_of(failure, value, "value")
    bounds = {side: float(bound) for side, bound in _BOUND.findall(support)}
    low, high = bounds.get("lower"), bounds.get("upper")
    shown = f"`{support.replace('`', '')}`"[:90]
    least, most = (tensor.least, tensor.most) if tensor is not None else (None, None)
    wrong = next((n for n in (most, least) if n is not None and _out(n, low, high)), None)
    held = f"{name} holds {wrong:g}" if wrong is not None else f"{name} lies outside"
    return Diagnosis(
        f"{held}, and `{kind}` can give {_range(low, high) or shown}",
        cures=tuple(_cures(kind, code, (least, most), (low, high), nan)),
        roots=made(value, f"{name} is made here", "value"),
    )


def _value(failure: Failure) -> ValueRecord | None:
    """The argument of `log_prob`: of the user's call, or of torch's own within a loss."""
    found = failure.operand("value")
    asked = failure.asked
    if found is None and asked is not None and asked.code.partition("(")[0].endswith("log_prob"):
        found = asked.operand(0)
    if found is None and asked is not None:
        found = next((one for one in asked.operands if one.tensor is not None and one.role != "self"), None)
    return found


def _out(number: float, low: float | None, high: float | None) -> bool:
    return isfinite(number) and ((low is not None and number < low) or (high is not None and number > high))


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else (f"{low:g} and more" if low is not None else f"at most {high:g}")
    )


def _cures(
    kind: str,
    code: str,
    extremes: tuple[float | None, float | None],
    bounds: tuple[float | None, float | None],
    nan: bool,
) -> Iterator[str]:
    (least, most), (low, high) = extremes, bounds
    if nan:
        yield "look where the value was made: nan in it comes from the model"
    elif kind in ("Categorical", "OneHotCategorical") and most is not None and high is not None and most > high:
        yield f"scores of {most + 1:g} classes, the last layer's outputs: there are {high + 1:g}"
        if least is not None and least >= 1 and most == high + 1:
            yield f"`{code} - 1`: they count from {least:g}"
    elif low is not None and high is not None:
        yield f"`{code}.clamp({low:g}, {high:g})`, or scale it to that range where it is made"
    else:
        yield "clamp it to the support first"
    yield f"`{kind}(..., validate_args=False)`, where the density outside is not wanted"
