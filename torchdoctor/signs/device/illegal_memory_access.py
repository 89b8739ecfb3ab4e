"""A kernel on the GPU read or wrote where it must not: a fault of the kernel, seldom of the caller."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_LIMIT = 2**31


@on_failure(
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: misaligned address",
    "CUDA error: unspecified launch failure",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A tensor of more than 2**31 elements in reach is the likeliest cause; custom kernels the next."""
    large = next((v for v in failure.tensors if v.tensor is not None and (v.tensor.numel or 0) >= _LIMIT), None)
    what = said.text.partition(": ")[2]
    if large is not None and large.tensor is not None:
        name = failure.name_of(large, "a tensor")
        yield Diagnosis(
            f"{what}: {name} {large.tensor.size_text} has {large.tensor.numel} elements, more than 32-bit indices "
            "count",
            cures=("work in parts: `torch.cat([f(part) for part in x.split(n)])`", "a newer torch or extension"),
        )
        return
    yield Diagnosis(
        f"{what}: a kernel went beyond its memory, some time before the line that is reported",
        cures=(
            "`CUDA_LAUNCH_BLOCKING=1` before Python starts: the line is then the kernel's",
            "leave custom kernels out one by one (flash attention, xformers, Triton, extensions), or build them "
            "for this torch",
            "`compute-sanitizer python train.py` names the kernel and the address",
        ),
    )
