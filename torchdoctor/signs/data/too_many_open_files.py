"""Batches that workers hand over as open files, more than the system allows at once."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Too many open files. Communication with the workers is no longer possible",
    "received {n:d} items of ancdata",
    "unable to open shared memory object <{file}> in read-write mode: Too many open files",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """All come from the handing over of shared memory by file descriptors."""
    whose = "is shared" if "file" in said else "a worker hands over"
    yield Diagnosis(
        f"each tensor that {whose} is an open file until it is freed, and this process has reached its limit",
        cures=(
            "`torch.multiprocessing.set_sharing_strategy('file_system')` at the start",
            "`ulimit -n 65536` in the shell that starts it",
            "do not keep batches from step to step; what is kept, keep as a copy: `x.clone()`",
        ),
    )
