"""Operations on the CPU run on one thread, and the machine has several cores."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import percent
from torchdoctor.sign import Diagnosis, on_record
from torchdoctor.trace_record import TraceRecord


@on_record(TraceRecord)
def sign(record: TraceRecord) -> Iterator[Diagnosis]:
    threads, cores = record.setup.get("threads"), record.setup.get("cores")
    if record.gpu or threads != 1 or not isinstance(cores, int) or cores < 4:
        return
    large = sum(one.self_time for one in record.operators if one.calls and one.self_time / one.calls > 100)
    share = record.share(large)
    if share < 0.4 or (record.world or 1) > 1:
        return
    omp = record.setup.get("omp")
    yield Diagnosis(
        f"operations run on one thread of {cores} cores, and large ones take {percent(share)} of the step",
        cures=("take `OMP_NUM_THREADS=1` out of the environment",)
        if omp == "1"
        else (f"call `torch.set_num_threads({cores // 2})`",),
        evidence=("OMP_NUM_THREADS is 1",) if omp == "1" else (),
        weight=share * (1 - 1 / cores),
    )
