"""A tensor of several elements (or none) turned into one number: `.item()`, `float(x)`, `torch.tensor([a, b])`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "a Tensor with {n:d} elements cannot be converted to Scalar",
    "only one element tensors can be converted to Python scalars",
    "only single-element tensors can be converted to Python scalars",
    "unsupported format string passed to Tensor.__format__",
    raises=("RuntimeError", "ValueError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A list of tensors in `torch.tensor` is stacked; a loss of a batch is averaged."""
    value = _tensor(failure)
    tensor = value.tensor if value is not None else None
    name, code = failure.name_of(value, "a tensor"), code_of(failure, value, "x")
    number = tensor.numel if tensor is not None else said["n"]
    shape = f" {tensor.size_text}" if tensor is not None else ""
    if failure.calls("tensor", "torch.tensor", "FloatTensor", "LongTensor", "array", "asarray"):
        what = failure.asked.operands[0] if failure.asked is not None and failure.asked.operands else None
        given = what.code if what is not None and 0 < len(what.code) < 60 else "tensors"
        yield Diagnosis(
            f"`{given}` is a list of tensors{f' of shape {tensor.size_text}' if tensor else ''}, not of numbers",
            cures=(f"`torch.stack({given})`", f"`torch.cat({given})`, along a dimension that they have"),
            roots=made(what, "the list is made here", "value"),
        )
        return
    if "format" in said.text:
        one = number == 1
        yield Diagnosis(
            f"{name}{shape} was put into a text with a format for one number",
            (
                f"`{code}.item()`"
                if one
                else f"`{code}.mean().item()`, for one number; `{code}.tolist()` for all of them",
            ),
            roots=made(value, f"{name} is made here", "shape"),
        )
        return
    count = "no elements" if number == 0 else f"{number} elements" if number is not None else "more than one element"
    yield Diagnosis(
        f"{name}{shape} has {count}, and one number was asked of it",
        cures=tuple(_cures(failure, code, number)),
        roots=made(value, f"{name} is made here", "shape"),
    )


def _tensor(failure: Failure) -> ValueRecord | None:
    pool = [value for value in failure.tensors if value.tensor is not None and value.tensor.shape != ()]
    return next(iter(pool), None)


def _cures(failure: Failure, code: str, number: int | None) -> Iterator[str]:
    if number == 0:
        yield f"a test before it: `if {code}.numel():`"
        return
    bare = code.removesuffix(".item()")
    if "loss" in bare or "criterion" in bare:
        yield f"`{bare}.mean().item()`, or a loss with `reduction='mean'`"
    else:
        yield f"`{bare}.mean().item()`, `.sum()` or `.max()`, for one number of them"
    yield f"`{bare}.tolist()`, for all of them"
