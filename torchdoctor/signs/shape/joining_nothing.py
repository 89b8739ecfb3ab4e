"""`torch.cat`, `torch.stack` or a padding of an empty list."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of


@on_failure(
    "{what:w}(): expected a non-empty list of Tensors",
    "{what:w} expects a non-empty TensorList",
    "received an empty list of sequences",
    raises=("ValueError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The list is the user's: where it was made empty is the root."""
    found = failure.asked.operand("tensors", "sequences", 0) if failure.asked is not None else None
    name = name_of(failure, found, "the list")
    what = f"`{said['what'].rpartition('.')[2]}`" if "what" in said else "`pad_sequence`"
    loaders = [one for one in failure.objects if one.kind == "loader"]
    cures = [f"`if {name.strip('`')}:` before it"] if name.strip("`").isidentifier() else []
    if loaders:
        cures.append(f"look whether `{loaders[0].name}` gives any batch: `len({loaders[0].name})`")
    else:
        cures.append("look at what fills the list: a loop that never runs, a filter that keeps nothing")
    yield Diagnosis(
        f"{what} joins tensors, and {name} is empty",
        cures=tuple(cures),
        roots=(Root(found, f"{name} is made here", "value"),) if found is not None else (),
    )
