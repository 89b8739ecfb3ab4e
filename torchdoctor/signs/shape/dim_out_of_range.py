"""A dimension that the tensor does not have; `permute` and transposes of another number of dimensions."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import count
from torchdoctor.signs.shape._orders import named, reordered
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "Dimension out of range (expected to be in range of [{lo:d}, {hi:d}], but got {d:d})",
    (
        "number of dimensions in the tensor input does not match the length of the desired ordering "
        "of dimensions i.e. input.dim() = {rank:d} is not equal to len(dims) = {named:d}"
    ),
    "t() expects a tensor with <= 2 dimensions, but self is {more:d}D",
    "tensor.H is only supported on matrices (2-D tensors). Got {more:d}-D tensor",
    "tensor.mT is only supported on matrices or batches of matrices. Got {few:d}-D tensor",
    raises=("IndexError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is the one that the method is called on, or the first argument."""
    value = tensor_at(failure, "self", "input", 0)
    shape = shape_of(value)
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    shown = (
        f"{name} {value.tensor.size_text}"
        if value is not None and value.tensor is not None and shape is not None
        else "a tensor"
    )
    where = roots(failure, None, "", value)
    if "named" in said:
        rank, many = said["rank"], said["named"]
        yield Diagnosis(
            f"`permute` names {many} dimensions, and {shown} has {rank}",
            cures=tuple(reordered(rank, many, code)),
            roots=where,
            evidence=("the word sparse_coo in the message means nothing: any tensor is told so",),
        )
    elif "more" in said or "few" in said:
        few = "few" in said
        yield Diagnosis(
            f"a transpose of matrices got {shown} of {said['few'] if few else said['more']} dimensions",
            cures=(
                f"`{code}.unsqueeze(0)`" if few else f"`{code}.transpose(-2, -1)`: the last two, whatever comes before",
            ),
            roots=where,
        )
    else:
        rank = len(shape) if shape is not None and _range(len(shape)) == (said["lo"], said["hi"]) else said["hi"] + 1
        asked = said["d"]
        known = shown if shape is not None and len(shape) == rank else f"a tensor of {count(rank, 'dimension')}"
        yield Diagnosis(
            f"dim {asked} of {known} was asked for: it has dims {said['lo']} to {said['hi']}",
            cures=tuple(named(asked, rank, code)),
            roots=where,
        )


def _range(rank: int) -> tuple[int, int]:
    return -max(rank, 1), max(rank, 1) - 1


@on_failure("^tuple index out of range", raises="IndexError", plain=False)
def of_sizes(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`x.shape[3]` of fewer dimensions: the sizes are a tuple, and the text is Python's."""
    sizes, index = failure.operand("value"), failure.operand("index")
    if sizes is None or sizes.type != "Size" or index is None or type(index.literal) is not int:
        return
    whole = tuple(one.literal for one in sizes.items if type(one.literal) is int)
    owner = sizes.code.removesuffix(".shape")
    yield Diagnosis(
        f"dim {index.literal} of `{owner}` {shape_text(whole)} was asked for: it has {count(len(whole), 'dimension')}",
        cures=(
            f"`{owner}.unsqueeze(0)` before it, if the batch is missing",
            f"`{sizes.code}[-1]`, if the last is meant",
        ),
    )
