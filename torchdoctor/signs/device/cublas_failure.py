"""A status of cuBLAS, which says nothing of the cause: mostly memory, or a bad index some lines before."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "CUDA error: CUBLAS_STATUS_{status:w} when calling `{call}`",
    "CUBLAS_STATUS_{status:w}",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The status and the call decide between memory, an earlier assert, and libraries that do not fit."""
    status, call = said["status"], said["call"] or ""
    cpu = "run the same batch on the CPU: a wrong shape, id or class is then named"
    if status in ("ALLOC_FAILED", "NOT_INITIALIZED") or "cublasCreate" in call:
        yield Diagnosis(
            f"cuBLAS could not begin (`{status}`): the GPU is full, or a kernel before this one has already failed",
            cures=(
                cpu,
                "look at `nvidia-smi`: where the memory is full, a smaller batch, or another GPU",
                "`CUDA_LAUNCH_BLOCKING=1` before Python starts: it tells which kernel failed first",
            ),
        )
        return
    pair = failure.pair()
    facts = [
        f"{failure.name_of(v, 'an operand')} is {v.tensor.size_text} of `{v.tensor.dtype}`"
        for v in pair or ()
        if v.tensor
    ]
    yield Diagnosis(
        f"a product of matrices failed inside cuBLAS (`{status}`), which says nothing of why",
        cures=(
            cpu,
            "where the CPU computes it: `unset LD_LIBRARY_PATH`, so that torch finds its own cuBLAS and not the "
            "system's",
            "in bfloat16 or float8: the GPU may not know the dtype; try float32",
        ),
        evidence=tuple(facts),
    )
