"""`&`, `|`, `^` or `~` of floats: masks that are no masks, or a comparison without parentheses."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made
from torchdoctor.signs.dtype import _kernels


@on_failure(
    "\"{kernel:w}\" not implemented for '{dtype:w}'",
    "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
    raises=("RuntimeError", "NotImplementedError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`x > 0 & x < 1` reads `x > (0 & x) < 1`: the operator binds tighter than the comparison."""
    if said["kernel"] is not None and not _kernels.bitwise(said["kernel"]):
        return
    asked, user = failure.asked, failure.user
    symbol = asked.name.rstrip("=") if asked is not None and asked.kind == "operator" else ""
    value = next((v for v in failure.tensors if v.tensor is not None and v.tensor.floating), None)
    dtype = value.tensor.dtype if value is not None and value.tensor is not None else dtype_of(said["dtype"])
    code = code_of(failure, value, "mask")
    line = user.text.partition("#")[0] if user is not None else ""
    compared = any(sign in line.replace("->", "").replace("<<", "") for sign in ("<", ">", "==", "!="))
    loose = compared and asked is not None and symbol in ("&", "|", "^") and f"({asked.code})" not in line
    sides = tuple(one for one in (asked.operands if asked is not None else ()) if one.code)
    if loose and asked is not None and not any(_compares(one) for one in sides):
        yield Diagnosis(
            f"`{asked.code}` is worked out first: `{symbol}` binds tighter than a comparison, and {dtype} has no bits",
            (f"`(a > 0) {symbol} (b < 1)`: a pair of parentheses around each comparison",),
        )
        return
    what = f"`{symbol}`" if symbol else "a bitwise operator"
    cures = [f"`{code}.bool()`, if it is a mask of zeros and ones"]
    if symbol == "~":
        cures.append(f"`{code} == 0`, or `1 - {code}`")
    elif symbol in ("^", "<<", ">>"):
        cures.append(f"`{code} ** n`, if a power is meant: `^` is exclusive or")
    yield Diagnosis(
        f"{what} takes truth values or integers, and {failure.name_of(value, 'its operand')} is {dtype or 'a float'}",
        cures=tuple(cures),
        roots=made(value, f"{dtype} is made here", "dtype"),
    )


def _compares(value: ValueRecord) -> bool:
    return value.code.startswith("(") or (value.tensor is not None and value.tensor.dtype == "bool")
