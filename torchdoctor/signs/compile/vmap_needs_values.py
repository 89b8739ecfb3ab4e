"""`torch.vmap` over code that asks a tensor for its value, or gives results whose size depends on it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "vmap: It looks like you're calling .item() on a Tensor",
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow",
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over {op:w}",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Under vmap a tensor stands for many at once, so it has no one value."""
    text = failure.user.text.strip() if failure.user is not None else ""
    at = f"`{text}`" if text and "`" not in text and len(text) < 90 else "the function"
    if "op" in said:
        what = f"gives results of a size that differs from sample to sample (`{said['op'].rstrip('.')}`)"
        cure = "a mask of fixed size in place of it: `torch.where(mask, x, 0)`"
    elif ".item()" in said.text:
        what, cure = (
            "asks for one number, and under vmap the tensor stands for many",
            "keep it a tensor: no `.item()`, `int` or `float`",
        )
    else:
        what, cure = "branches on a tensor, and under vmap it stands for many", "`torch.where(condition, a, b)`"
    yield Diagnosis(
        f"{at} {what}", cures=(cure, "a loop over the samples in place of vmap: `torch.stack([f(x) for x in xs])`")
    )
