"""A function that only makes sense on floats was given integers or truth values: softmax, mean, norm, std.

Layers with float weights have a rule of their own; so have `&`, `|` and `~` on floats, and halves on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import cast, code_of, dtype_of, made
from torchdoctor.signs.dtype import _kernels

_RANDOM = ("normal_", "uniform_", "randn", "rand", "randn_like", "rand_like", "trunc_normal_", "exponential_")


@on_failure(
    "\"{kernel:w}\" not implemented for '{dtype:w}'",
    "{kernel:w}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
    "{dtype:w}",
    "linalg.{kernel:w}: Expected a floating point or complex tensor as input. Got {dtype:w}",
    "{kernel:w} only supports floating-point dtypes for input, got: {dtype:w}",
    "Can only calculate the mean of floating types. Got {dtype:w}",
    "{kernel:w}() input tensor must be either float or double dtype",
    "std and var only support floating point and complex dtypes",
    "{kernel:w} only support floating point and complex dtypes",
    "Boolean inputs not supported for {kernel:w}",
    "{kernel:w}: Integral inputs not supported",
    raises=("RuntimeError", "NotImplementedError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operand of that dtype is what has to be converted; of a target of a loss it is the target."""
    dtype = dtype_of(said["dtype"]) if said["dtype"] is not None else "bool" if "Boolean" in said.text else ""
    if _kernels.bitwise(said["kernel"]) or "<function binary_cross_entropy_with_logits" in failure.message:
        return
    value = _kernels.with_dtype(failure, dtype) if dtype else failure.operand("self", "input", 0)
    tensor = value.tensor if value is not None else None
    dtype = dtype or (tensor.dtype if tensor is not None else "")
    if dtype and not _kernels.whole(dtype):
        return
    name = _kernels.function(failure, said["kernel"])
    if failure.calls(*_RANDOM):
        yield Diagnosis(
            f"{name} draws fractions, and the tensor is to be {dtype}",
            ("`torch.randint(low, high, size)`, for random integers", "a float `dtype`, for random fractions"),
        )
        return
    if tensor is None:
        given = f"was given {dtype}" if dtype else "was given other numbers"
        yield Diagnosis(f"{name} takes floats, and {given}", ("`.float()` of what it gets",))
        return
    own = failure.name_of(value, "the tensor")
    yield Diagnosis(
        f"{name} takes floats, and {own} {tensor.size_text} is {tensor.dtype}",
        cures=tuple(_cures(failure, tensor, code_of(failure, value, "x"))),
        roots=made(value, f"{tensor.dtype} is made here", "dtype"),
    )


def _cures(failure: Failure, tensor: TensorRecord, code: str) -> Iterator[str]:
    if tensor.dtype == "uint8" and tensor.rank in (3, 4):
        yield f"`{code}.float() / 255`: pixels as floats between 0 and 1"
        return
    yield f"`{code}.float()`"
    if failure.calls("interpolate", "upsample") and tensor.dtype != "uint8":
        yield f"`F.interpolate({code}.float(), ..., mode='nearest')`, and `{cast('', tensor.dtype)}` of the result"
    elif failure.calls("softmax", "log_softmax", "Softmax", "LogSoftmax"):
        yield "give it the scores: integers are often classes, that `argmax` has chosen already"
