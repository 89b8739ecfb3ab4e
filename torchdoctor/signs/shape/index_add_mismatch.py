"""`index_add_`, `index_copy_` and their like, whose index and source hold different numbers of rows."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, tensor_at


@on_failure(
    "Number of indices ({n:d}) should be equal to tensor.size(dim) ({m:d}), for dim={d:d}",
    "{what:w}(): Number of indices ({n:d}) should be equal to source.size(dim): ({m:d}), for dim: {d:d}",
    "{what:w}(): Number of indices ({n:d}) should be equal to source.size(dim) ({m:d})",
    (
        "source tensor shape must match self tensor shape, excluding the specified "
        "dimension. Got self.shape = {own:s} source.shape = {given:s}"
    ),
    "{what:w}(): Index is supposed to be a vector",
    raises=("RuntimeError", "IndexError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """One row of the source for each index; in all other dimensions the sizes of the tensor."""
    value, index = tensor_at(failure, "self", 0), tensor_at(failure, "index", 1)
    name, called = name_of(failure, value, "the tensor"), name_of(failure, index, "the index")
    what = f"`{said['what'].rpartition('.')[2].removesuffix('_')}`" if "what" in said else "`index_add`"
    if "own" in said:
        own, given = said["own"], said["given"]
        text = f"{what} writes rows of {shape_text(given)} into {name} {shape_text(own)}: the rows have other sizes"
        cures = [f"a source (..., {', '.join(map(str, own[1:]))}), with a row for each index"] if len(own) > 1 else []
    elif "n" in said:
        text = f"{what} gets {said['n']} indices in {called}, and a source of {said['m']} rows"
        cures = [f"{said['n']} rows in the source, or {said['m']} indices: the k-th row goes to the k-th index"]
    else:
        shape = shape_of(index)
        text = (
            f"{what} takes a vector of indices, and {called} is {shape_text(shape) if shape else 'of other dimensions'}"
        )
        cures = ["`.flatten()` of the index, or `x[index]`, which takes an index of any shape"]
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, None, "", value, index))
