"""Sizes and strides that reach beyond the memory: `as_strided`, and files that are cut off."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure(
    "setStorage: sizes {sizes:s}, strides {strides:s}, storage offset {offset:d}, and itemsize {item:d} requiring a "
    "storage size of {wanted:d} are out of bounds for storage of size {size:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds all numbers; the live run tells whether a user or a file asked for them."""
    sizes, strides, item = said["sizes"], said["strides"], said["item"]
    if item < 1:
        return
    have, wanted = said["size"] // item, said["wanted"] // item
    loading = failure.calls("load", "torch.load", "_rebuild_tensor_v2", "load_file")
    value = failure.operand("self")
    if loading:
        cures: tuple[str, ...] = ("save or download the file again: it was cut off, or belongs to other sizes",)
    elif strides and have > said["offset"]:
        rest = have - said["offset"] - 1 - sum(s * max(n - 1, 0) for n, s in zip(sizes[1:], strides[1:], strict=False))
        most = rest // strides[0] + 1 if strides[0] > 0 and rest >= 0 else 0
        windows = f"`size=({', '.join(map(str, (most, *sizes[1:])))})`: so many fit with these strides"
        cures = (windows,) if most > 0 else ()
        cures += ("`x.unfold(dim, size, step)`: windows that are counted for you",)
    else:
        cures = ()
    yield Diagnosis(
        f"sizes {sizes} with strides {strides} reach {wanted} elements far, and the memory holds {have}",
        cures=cures,
        roots=made(value, f"the memory of {have} elements is made here", "shape"),
    )
