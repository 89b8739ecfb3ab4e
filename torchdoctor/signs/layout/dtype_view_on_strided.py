"""`x.view(dtype)` to elements of another size, where the last dimension does not allow it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of


@on_failure(
    "{which:w}.stride(-1) must be 1 to view {old:w} as {new:w} (different element sizes), but got {stride:d}",
    "{which:w}.size(-1) must be divisible by {factor:d} to view {old:w} as {new:w} (different element sizes), but got "
    "{size:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where `view` of a dtype was not meant, the cast is the first thing to know."""
    value = failure.operand("self")
    name, code = failure.name_of(value, "the tensor"), code_of(failure, value, "x")
    dtype, old = failure.operand("dtype", 0), dtype_of(said["old"])
    wanted = dtype.text if dtype is not None and dtype.text.startswith("torch.") else f"torch.{dtype_of(said['new'])}"
    shape = f" {value.tensor.size_text}" if value is not None and value.tensor is not None else ""
    cast = f"`{code}.to({wanted})`, if the numbers are to be converted: `view` gives the same bytes another meaning"
    if said["stride"] is not None:
        message = f"{name}{shape} has a last stride of {said['stride']}: its {old} elements are not neighbours"
        cures = (cast, f"`{code}.contiguous().view({wanted})`, if the bytes are meant")
    else:
        message = (
            f"{name}{shape} has {said['size']} {old} elements in its last dimension, and {said['factor']} of them "
            f"make one {dtype_of(said['new'])}"
        )
        cures = (cast, f"pad the last dimension to a multiple of {said['factor']}, if the bytes are meant")
    roots = (Root(value, f"{name} is laid out so here", "layout"),) if value is not None else ()
    yield Diagnosis(message, cures=cures, roots=roots)
