"""A reduction, or a reshape with `-1`, of a tensor without elements."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure(
    "{what:w}(): Expected reduction dim to be specified for input.numel() == 0",
    "{what:w}(): Expected reduction dim {dim:d} to have non-zero size",
    (
        "cannot reshape tensor of 0 elements into shape {asked:s} "
        "because the unspecified dimension size -1 can be any value"
    ),
    "{what:w}() input tensor must be non-empty",
    "Can not infer total number of classes from empty tensor",
    "random_ expects 'from' to be less than 'to', but got from={low:d} >= to={high:d}",
    raises=("RuntimeError", "IndexError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Mostly a selection before has kept nothing."""
    value = tensor_at(failure, "self", "input", "tensor", 0)
    shape = shape_of(value)
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    shown = f"{name} {value.tensor.size_text}" if value is not None and value.tensor is not None else name
    if "low" in said:
        yield Diagnosis(
            f"random whole numbers from {said['low']} to below {said['high']} were asked for: there is none"
        )
        return
    if "asked" in said:
        fixed = [size for size in said["asked"] if size != -1]
        kept = shape[1:] if shape and 0 not in shape[1:] else ()
        text = f"{shown} has no elements, and the -1 of {said['asked']} could be any number"
        cure = f"`{code}.reshape{(0, *fixed) if len(fixed) else (0,)}`, or `flatten(1)`, which needs no -1"
        cures: tuple[str, ...] = (cure if kept and 0 not in fixed else f"`{code}.flatten(1)` in place of a -1",)
    else:
        what = said["what"].rpartition(".")[2] if "what" in said else "one_hot"
        over = f" along dim {said['dim']}" if "dim" in said else ""
        text = f"`{what}` of {shown}{over}: there is no element"
        cures = ()
    yield Diagnosis(
        text,
        cures=(f"`if {code}.numel():` before it: the batch may hold nothing of what was selected", *cures),
        roots=roots(failure, None, "", value),
    )
