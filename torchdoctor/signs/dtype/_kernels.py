"""What torch's texts about missing kernels name: the kernel, the dtype, and the operand that had it."""

from __future__ import annotations

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.signs._words import dtype_of

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
BITWISE = ("bitwise_", "lshift", "rshift", "and_", "or_", "xor_", "__and__", "__or__", "__xor__")


def whole(dtype: str) -> bool:
    """Whether it is an integer dtype that all of torch knows, or bool."""
    return dtype in INTEGERS or dtype == "bool"


def bitwise(kernel: str | None) -> bool:
    return bool(kernel) and str(kernel).startswith(BITWISE)


def with_dtype(failure: Failure, said: str | None) -> ValueRecord | None:
    """The first operand of that dtype, the user's own expression last: torch's inner call is nearer to the kernel."""
    dtype = dtype_of(said)
    for expression in failure.expressions:
        for value in expression.operands:
            if value.tensor is not None and value.tensor.dtype == dtype:
                return value
    return None


def function(failure: Failure, kernel: str | None) -> str:
    """What the user knows the kernel as: the function or method that was called, in backticks."""
    asked = failure.asked
    name = (asked.name if asked is not None else "") or failure.called
    last = name.rpartition(".")[2] if not name.endswith(".") else name
    return f"`{last or kernel or 'the function'}`"
