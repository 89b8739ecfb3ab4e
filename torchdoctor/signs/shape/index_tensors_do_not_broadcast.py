"""Several index tensors in one subscript whose shapes do not broadcast."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "shape mismatch: indexing tensors could not be broadcast together with shapes {sizes}$", raises="IndexError"
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Index tensors are paired element by element: two of one dimension are lists of coordinates."""
    value, index = tensor_at(failure, "value", "self"), failure.operand("index")
    items = index.items if index is not None else ()
    given = [one for one in items if one.tensor is not None or one.type in ("list", "tuple")]
    name = name_of(failure, value, "the tensor")
    yield Diagnosis(
        (
            f"the indices of {name} have the shapes {said['sizes'].strip()}: "
            "they are taken in pairs, not as rows and columns"
        ),
        cures=tuple(
            _cures(failure, [one.code for one in given], [shape_of(one) for one in given], spelled(failure, value))
        ),
        roots=roots(failure, None, "", *(one for one in given if one.tensor is not None)),
    )


def _cures(failure: Failure, codes: list[str], shapes: list[tuple[int, ...] | None], code: str) -> Iterator[str]:
    if len(codes) == 2 and all(shape is None or len(shape) == 1 for shape in shapes):
        first, second = codes
        column = f"{first}[:, None]" if shapes[0] is not None else f"torch.tensor({first})[:, None]"
        yield f"`{code}[{column}, {second}]` for all of the columns in each of the rows"
        yield f"`{code}[{first}][:, {second}]`, the same in two steps"
    else:
        yield "indices of one shape, for the elements at these places, or with a dimension of size 1 each, for a grid"
