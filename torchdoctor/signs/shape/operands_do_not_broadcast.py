"""Tensors put together element by element whose sizes do not broadcast.

Silent about products, attention and optimizers, which speak the same text.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._broadcasting import LOSSES, cures, differing, of_loss
from torchdoctor.signs.shape._products import in_optimizer, is_product
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of


@on_failure(
    "The size of tensor a ({x:d}) must match the size of tensor b ({y:d}) at non-singleton dimension {d:d}",
    (
        "Attempting to broadcast a dimension of length {y:d} at {d:d}! Mismatching argument "
        "at index 1 had {:s}; but expected shape should be broadcastable to {:s}"
    ),
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Two tensors of the expression that do not broadcast: written out, or by name."""
    x, y, axis = said["x"], said["y"], said["d"]
    if is_product(failure) or failure.calls("scaled_dot_product_attention") or in_optimizer(failure):
        return
    pair = _pair(failure)
    if pair is None:
        meets = f"{x} and {y}" if x is not None else f"{y} and another size"
        yield Diagnosis(f"two tensors are put together that differ in dim {axis}: {meets}, and neither is 1")
        return
    left, right = (shape_of(one) or () for one in pair)
    a, b = name_of(failure, pair[0], "the left side"), name_of(failure, pair[1], "the right side")
    yield Diagnosis(
        f"{a} {_size(pair[0])} and {b} {_size(pair[1])} do not broadcast: {_where(left, right)}",
        cures=tuple((of_loss if failure.calls(*LOSSES) else cures)(failure, pair, left, right)),
        roots=roots(failure, None, "", *pair),
    )


def _size(value: ValueRecord) -> str:
    return value.tensor.size_text if value.tensor is not None else ""


def _pair(failure: Failure) -> tuple[ValueRecord, ValueRecord] | None:
    """The first two tensors of an expression that do not go together: innermost first."""
    for expression in failure.expressions:
        tensors = [one for one in expression.operands if shape_of(one) is not None]
        for index, one in enumerate(tensors):
            for other in tensors[index + 1 :]:
                if differing(shape_of(one) or (), shape_of(other) or ()):
                    return one, other
    return None


def _where(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    axis = differing(left, right)[-1]
    here = "in the last dimension" if axis == -1 else f"in dim {axis}, counted from the end,"
    return f"{here} {left[axis]} meets {right[axis]}"
