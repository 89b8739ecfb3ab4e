"""Source and target, or query and key, of different batches: mostly batch and time stand the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of


@on_failure(
    "the batch number of src and tgt must be equal",
    "shape '{:s}' is invalid for input of size {:d}",
    "key's sequence and batch dims {key:s} do not match value's {value:s}",
    "key shape {key:s} does not match value shape {value:s}",
    raises=("RuntimeError", "AssertionError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's own call has both, as they were given."""
    layer, asked = failure.layer, failure.asked
    attention = layer is not None and layer.type == "MultiheadAttention"
    if "is invalid" in said.text and not attention:
        return
    if "key" in said:
        sizes = f"{shape_text(said['key'])} and {shape_text(said['value'])}"
        cure = "keys and values of the same tokens: the same tensor for both, mostly"
        yield Diagnosis(f"keys and values of attention have other sizes: {sizes}", (cure,))
        return
    first = asked.operand("src", "query", 0) if asked is not None else None
    second = asked.operand("tgt", "key", "memory", 1) if asked is not None else None
    left, right = shape_of(first), shape_of(second)
    if not left or not right or len(left) != 3 or len(right) != 3:
        if not failure.expressions:
            yield Diagnosis("source and target hold different numbers of samples, or stand the other way round")
        return
    leading = bool(layer is not None and layer.facts.get("batch_first"))
    axis = 0 if leading else 1
    if left[axis] == right[axis]:
        return
    a, b = name_of(failure, first, "the first"), name_of(failure, second, "the second")
    yield Diagnosis(
        f"{a} {shape_text(left)} holds {left[axis]} samples and {b} {shape_text(right)} {right[axis]}: "
        f"the batch is dim {axis} here",
        cures=tuple(_cures(left, right, axis)),
        roots=roots(failure, layer, "built here", first, second),
    )


def _cures(left: tuple[int, ...], right: tuple[int, ...], axis: int) -> Iterator[str]:
    if axis == 1 and left[0] == right[0]:
        yield f"`batch_first=True` where the layer is built: then both hold {left[0]} samples"
    elif axis == 0 and left[1] == right[1]:
        yield f"no `batch_first=True`, or `transpose(0, 1)` on both: dim 1 is {left[1]} in both"
    else:
        yield f"the same samples on both sides: {left[axis]} is not {right[axis]}"
