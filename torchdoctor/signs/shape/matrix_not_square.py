"""Linear algebra of a matrix that has to be square, or of a right side with another number of rows."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "{what:w}: A must be batches of square matrices, but they are {rows:d} by {columns:d} matrices",
    "{what:w}: Incompatible shapes of A and B for the equation AX = B ({rows:d}x{columns:d} and {right:d}x{width:d})",
    "{what:w}: The input tensor A must have at least 2 dimensions",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the sizes; the record the names."""
    value = tensor_at(failure, "A", "input", "self", 0)
    name, code, shape = name_of(failure, value, "the matrix"), spelled(failure, value, "A"), shape_of(value)
    what = f"`{said['what']}`"
    shown = f"{name} {shape_text(shape)}" if shape is not None else name
    rows, columns = said["rows"], said["columns"]
    cures: list[str] = []
    if "right" in said:
        text = f"{what} of {shown}: {rows} equations, and a right side of {said['right']} rows"
        cures.append(f"a right side of {rows} rows; vectors that stand in rows are turned by `.T`")
    elif rows is not None:
        text = f"{what} takes square matrices, and {shown} is {rows} by {columns}"
        if "inv" in said["what"]:
            cures.append(f"`torch.linalg.pinv({code})`, which inverts matrices of any sizes")
        small = f"{code} @ {code}.mT" if rows < columns else f"{code}.mT @ {code}"
        cures.append(f"`{small}`, if its products are meant: {min(rows, columns)} by {min(rows, columns)}")
    else:
        text = f"{what} takes matrices, and {shown} is none"
        cures.append("`unflatten` or `reshape` to rows and columns, or `torch.diag` for a diagonal matrix of a vector")
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, None, "", value))
