"""`use_deterministic_algorithms(True)` met an operation that has no deterministic kernel here."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "{op:w} does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True)'",
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or {}CuBLAS",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operation stands in the text; of cuBLAS it is a variable of the environment that is missing."""
    if "op" not in said:
        yield Diagnosis(
            "deterministic algorithms are on, and cuBLAS is deterministic only with a workspace of fixed size",
            cures=("`CUBLAS_WORKSPACE_CONFIG=:4096:8` before Python starts",),
        )
        return
    op = said["op"]
    backward = "backward" in op
    yield Diagnosis(
        f"deterministic algorithms are on, and `{op}` has no deterministic kernel on this device",
        cures=(
            "`torch.use_deterministic_algorithms(True, warn_only=True)`, where this one may differ in the last digits",
            "look for another layer of the same use: nearest or `align_corners=False` upsampling, average for "
            "max unpooling"
            if backward or "pool" in op or "upsample" in op
            else "compute this step on the CPU, or write it with other operations",
        ),
    )
