"""`split` into sizes that do not sum to the dimension's."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    (
        "split_with_sizes expects split_sizes to sum exactly to {n:d} (input "
        "tensor's size at dimension {d:d}), but got split_sizes={sizes:s}"
    ),
    "Split sizes add up to {total:d} but got the tensor's size of {n:d}",
    "Halving dimension must be even, but dimension {d:d} is size {n:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has all numbers; another dimension may have the sum."""
    value = tensor_at(failure, "self", "tensor", 0)
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    sizes, axis, whole = said["sizes"], said["d"], said["n"]
    if "Halving" in said.text:
        cure = f"{whole + 1} features from the layer before: twice the {(whole + 1) // 2} that come out"
        yield Diagnosis(
            f"`glu` halves dim {axis} of {name}, and that has {whole}", (cure,), roots=roots(failure, None, "", value)
        )
        return
    if sizes is None:
        yield Diagnosis(f"a dimension of {whole} elements is split into parts that sum to {said['total']}")
        return
    shape = shape_of(value) or ()
    total = sum(sizes)
    cures = [
        f"`dim={other}`, which has {total}" for other in range(len(shape)) if other != axis and shape[other] == total
    ]
    if not cures and len(set(sizes)) == 1 and whole % len(sizes) == 0:
        cures.append(f"`{code}.split({whole // len(sizes)}, dim={axis})`: {len(sizes)} parts of {whole // len(sizes)}")
    rest = whole - sum(sizes[:-1])
    if not cures and rest > 0:
        cures.append(f"`{[*sizes[:-1], rest]}`: {rest} for the last")
    yield Diagnosis(
        f"dim {axis} of {name} has {whole} elements, and the parts {list(sizes)} sum to {total}",
        cures=tuple(cures),
        roots=roots(failure, None, "", value),
    )
