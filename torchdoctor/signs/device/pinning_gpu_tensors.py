"""`pin_memory` of tensors that are no dense tensors on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("cannot pin '{type:w}' only dense CPU tensors can be pinned", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The type stands in the text: a tensor on the GPU, or a sparse one."""
    kind = said["type"]
    sparse = "sparse" in kind
    yield Diagnosis(
        f"the loader is to pin the memory of a `{kind}`, and only dense tensors on the CPU can be pinned",
        cures=("make the samples dense: `.to_dense()`", "`pin_memory=False`")
        if sparse
        else (
            "let the dataset give tensors on the CPU, and move the batch in the loop",
            "`pin_memory=False`, where the data lies on the GPU already (and `num_workers=0`)",
        ),
    )
