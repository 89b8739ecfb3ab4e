"""A DataLoader whose worker gave no batch in time: slow, or waiting for a lock that the fork took along."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("DataLoader timed out after {n:f} seconds", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The limit stands in the text; whether workers are slow or stuck, their stacks tell."""
    loader = next((one for one in failure.objects if one.kind == "loader"), None)
    name = f"`{loader.name}`" if loader is not None else "the DataLoader"
    yield Diagnosis(
        f"no worker of {name} gave a batch within {said['n']:g} s: they are slow, or stuck",
        cures=(
            "time one sample: `dataset[0]`; where it is slow, a longer `timeout`, or more workers",
            "where the workers stand still: `cv2.setNumThreads(0)` in `worker_init_fn`, and files (HDF5, LMDB) "
            "opened there",
            "`multiprocessing_context='forkserver'`: no lock of the parent is taken along",
            "`py-spy dump --pid ...` of a worker shows where it waits",
        ),
    )
