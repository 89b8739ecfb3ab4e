"""The index of `gather`, `scatter` and `take_along_dim`: of another rank, or larger than the tensor or its source."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import count
from torchdoctor.signs.shape._gathering import larger, unsqueezed
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "Index tensor must have the same number of dimensions as {which:w} tensor",
    (
        "input and indices should have the same number of dimensions, but got "
        "{r:d} dimensions for input, and {i:d} dimensions for indices"
    ),
    (
        "Size does not match at dimension {d:d} expected index {index:s} to "
        "be no larger than self {own:s} apart from dimension {dim:d}"
    ),
    (
        "Expected index {index:s} to be no larger than self {own:s} apart "
        "from dimension {dim:d} and to be no larger size than src {src:s}"
    ),
    "Expected index {index:s} to be no larger than self {own:s} apart from dimension {dim:d}",
    (
        "Expected index {index:s} to be smaller than self {own:s} apart "
        "from dimension {dim:d} and to be smaller size than src {src:s}"
    ),
    "Expected index {index:s} to be smaller than self {own:s} apart from dimension {dim:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The index has as many dimensions as the tensor, and in all but ``dim`` at most its sizes."""
    value, index = tensor_at(failure, "self", "input", 0), _index(failure)
    own, sizes = shape_of(value) or said["own"], shape_of(index) or said["index"]
    name, called = name_of(failure, value, "the tensor"), name_of(failure, index, "the index")
    code, src = spelled(failure, index, "index"), said["src"]
    shown = f"{called} {shape_text(sizes)}" if sizes is not None else called
    whole = f"{name} {shape_text(own)}" if own is not None else name
    dim = said["dim"] if "dim" in said else _dim(failure)
    if not own or not sizes:
        text, cures = f"{shown} and {whole} have different numbers of dimensions", []
    elif len(own) != len(sizes):
        text = f"{shown} has {count(len(sizes), 'dimension')} and {whole} has {len(own)}"
        cures = list(unsqueezed(own, sizes, dim, code, failure.calls("gather", "take_along_dim")))
    else:
        axes = [k for k in range(len(own)) if k != dim % len(own) and sizes[k] > own[k]] if dim is not None else []
        too = (
            f"larger than {whole} in dim {axes[0]}"
            if axes
            else f"larger than the source {shape_text(src)}"
            if src
            else "too large"
        )
        text = f"{shown} is {too}"
        cures = larger(own, sizes, axes, dim, src, code)
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, None, "", index, value))


def _index(failure: Failure) -> ValueRecord | None:
    found = failure.operand("index", "indices")
    if found is None or found.tensor is None:
        tensors = [one for one in failure.values if one.tensor and one.role != "self"]
        found = next((one for one in tensors if one.tensor and one.tensor.dtype.startswith("int")), None)
    return found


def _dim(failure: Failure) -> int | None:
    plain = [one for one in failure.values if type(one.literal) is int]
    return plain[0].literal if plain else None
