"""CUDA in a process that was forked from one that uses CUDA: mostly a dataset that puts its samples on the GPU."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Cannot re-initialize CUDA in forked subprocess",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """In a DataLoader's worker it is the dataset or the collate function; else a process of the user's own."""
    worker = failure.worker is not None or "DataLoader worker" in failure.message
    text = failure.user.text.strip() if failure.user is not None else ""
    at = f": `{text}`" if text and "`" not in text and len(text) < 80 and worker else ""
    if worker:
        yield Diagnosis(
            f"a worker of the DataLoader touches the GPU, which its parent was already at work on{at}",
            cures=(
                "keep samples on the CPU in `__getitem__` and `collate_fn`; move the batch in the loop: `x = "
                "x.to(device)`",
                "with `pin_memory=True` in the loader and `non_blocking=True` in `.to` the copy costs next to nothing",
                "where workers must compute on the GPU: `DataLoader(..., multiprocessing_context='spawn')`",
            ),
        )
        return
    yield Diagnosis(
        "a forked process touches the GPU, which its parent was already at work on",
        cures=(
            "start it by spawn: `torch.multiprocessing.get_context('spawn').Process(...)`, or `mp.spawn`",
            "do not touch CUDA before the fork: no `.cuda()`, no `torch.cuda.device_count()` at import",
        ),
    )
