"""A limit that this process has been given, on a device that has room. Silent where the device is full as well."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.memory._verdict import CAP, TEXTS, verdict


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """torch from 2.2 on tells the limit; before, that there is room and it is refused all the same."""
    rule, memory = verdict(failure)
    if rule != CAP:
        return
    share = "raise the share: `torch.cuda.set_per_process_memory_fraction(1.0)`, or the line that sets it lower"
    if memory.allowed is not None:
        total = f" of the GPU's {size_text(memory.total)}" if memory.total is not None else ""
        room = f", though {size_text(memory.free)} are free" if memory.free is not None else ""
        yield Diagnosis(
            f"this process may have {size_text(memory.allowed)}{total}: {size_text(memory.requested)} more are beyond "
            f"that{room}",
            cures=(share, *_fitting(memory)),
            evidence=(f"PyTorch has reserved {size_text(memory.reserved)} of it",) if memory.reserved else (),
        )
        return
    if memory.requested is None or memory.free is None:
        yield Diagnosis(
            "this allocation would go beyond the share of the GPU that this process may have",
            ("raise the share: `torch.cuda.set_per_process_memory_fraction(1.0)`", "a smaller batch"),
        )
        return
    yield Diagnosis(
        f"{size_text(memory.requested)} are refused while {size_text(memory.free)} of the GPU are free: a limit "
        "holds it",
        cures=(
            share,
            "a limit from outside: a MIG or vGPU slice, Windows' share of a GPU, a scheduler's quota",
            "where another process had the memory for that moment: `nvidia-smi` beside the run shows it",
        ),
        sure=False,
    )


def _fitting(memory: MemoryRecord) -> Iterator[str]:
    if memory.allowed is not None and memory.total and memory.reserved is not None and memory.requested is not None:
        needed = (memory.reserved + memory.requested) / memory.total
        if needed <= 1:
            yield f"a share of {min(needed + 0.005, 1):.2f} holds this request; what comes after it may need more"
    yield "a smaller batch, where the limit is meant"
