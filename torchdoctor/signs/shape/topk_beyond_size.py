"""More of the largest, the k-th, or more samples without replacement than there are elements."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "selected index k out of range",
    "k not in range for dimension",
    "kthvalue(): selected number k out of range for dimension {d:d}",
    "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """k is the argument, the number of elements the size of ``dim``, which is the last by default."""
    value = tensor_at(failure, "self", "input", 0)
    method = any(one.operand("self") is not None for one in failure.expressions[:1])
    k, dim = failure.operand("k", "num_samples", 0 if method else 1), failure.operand("dim", 1 if method else 2)
    shape = shape_of(value)
    axis = dim.literal if dim is not None and type(dim.literal) is int else -1
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    what = "multinomial" if "sample" in said.text else "kthvalue" if "kthvalue" in said.text else "topk"
    count = k.literal if k is not None and type(k.literal) is int else None
    if shape is None or count is None or not -len(shape) <= axis < max(len(shape), 1):
        yield Diagnosis(f"`{what}` asks for more elements than the dimension has")
        return
    size = shape[axis] if shape else 1
    cures = [f"`min({k.code}, {code}.size({axis}))`"] if k is not None else []
    if what == "multinomial":
        cures.append("`replacement=True`, if an element may come twice")
    larger = [other for other in range(len(shape)) if shape[other] >= count > 0 and other != axis % len(shape)]
    if len(larger) == 1 and what != "multinomial":
        cures.append(f"`dim={larger[0]}`, of {shape[larger[0]]}, if that is meant")
    yield Diagnosis(
        (
            f"`{what}` asks for {count} of the {size} in dim {axis} of {name} "
            f"{value.tensor.size_text if value and value.tensor else ''}"
        ),
        cures=tuple(cures),
        roots=roots(failure, None, "", value),
    )
