"""Operations that convert nothing and got two dtypes: lerp, dot, cdist, solve, grid_sample.

Matrix products and layers have a rule of their own, and so have writes by index.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import cast, code_of, dtype_of, made
from torchdoctor.signs.dtype import _operands


@on_failure(
    "expected dtype {one:w} for `{which:w}` but got dtype {other:w}",
    "expected dtype {one:w} for `{which:w}`, but got dtype {other:w}",
    "dot : expected both vectors to have same dtype, but found {one:w} and {other:w}",
    "Expected A and B to have the same dtype, but found A of type {one:w} and B of type {other:w} instead",
    "All tensors must have the same dtype, got input1: {one:w}, input2: {other:w}, weight: {}",
    "prelu: Type promoting not supported. Got {one:w} and {other:w}",
    "^{one:w} did not match {other:w}$",
    "expected scalar type {one:w} but found {other:w}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text gives the dtypes, the record who has which."""
    if failure.live and _told_elsewhere(failure):
        return
    if not failure.live and ("scalar type" in said.text or "did not match" in said.text):
        one, two = dtype_of(said["one"]), dtype_of(said["other"])
        if "scalar type" in said.text:
            cure = f"`{cast('x', one)}` of the one that is {two}"
            yield Diagnosis(f"an operation was given {two} where the other operand is {one}", (cure,), sure=False)
        return
    first, second = _two(failure)
    if first is None or second is None or first.tensor is None or second.tensor is None:
        if "scalar type" not in said.text and "did not match" not in said.text:
            yield _operands.half_known(failure, dtype_of(said["one"]), dtype_of(said["other"]))
        return
    one, two = failure.name_of(first, "one operand"), failure.name_of(second, "another")
    wider, narrower = sorted((first, second), key=_width, reverse=True)
    assert wider.tensor is not None and narrower.tensor is not None
    word = failure.called.rpartition(".")[2]
    down = f"`{cast(code_of(failure, wider, 'y'), narrower.tensor.dtype)}`"
    up = f"`{cast(code_of(failure, narrower, 'x'), wider.tensor.dtype)}`"
    told = f"{one} is {first.tensor.dtype} and {two} is {second.tensor.dtype}"
    yield Diagnosis(
        f"{told}: `{word}` converts neither" if word else told,
        cures=(down, f"{up}, where {wider.tensor.dtype} is exact for a reason") if narrower.tensor.floating else (up,),
        roots=made(first, f"{first.tensor.dtype} is made here", "dtype")
        + made(second, f"{second.tensor.dtype} is made here", "dtype"),
    )


def _told_elsewhere(failure: Failure) -> bool:
    products = "linear", "conv1d", "conv2d", "conv3d", "matmul", "mm", "bmm", "addmm", "baddbmm", "@", "einsum"
    return failure.calls(*products, "embedding", "cross_entropy", "nll_loss", "backward", "lstm", "gru", "layer_norm")


def _two(failure: Failure) -> tuple[ValueRecord | None, ValueRecord | None]:
    for expression in failure.expressions:
        found = [v for v in expression.operands if v.tensor is not None]
        for value in found[1:]:
            assert value.tensor is not None and found[0].tensor is not None
            if value.tensor.dtype != found[0].tensor.dtype:
                return found[0], value
    return None, None


def _width(value: ValueRecord) -> int:
    order = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
    dtype = value.tensor.dtype if value.tensor is not None else ""
    return order.index(dtype) if dtype in order else 0
