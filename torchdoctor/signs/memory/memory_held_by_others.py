"""Memory that somebody else holds: another process, or another library in this one. Silent where this process's own
tensors are what fills the device."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.memory._verdict import OTHERS, TEXTS, library, verdict


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The message names the processes where the driver knows them."""
    rule, memory = verdict(failure)
    if rule != OTHERS:
        return
    if memory.requested is None and memory.allocated is None:
        yield Diagnosis(
            "the GPU has no room left even for a start: other processes, or a stale one of this program, hold its "
            "memory",
            ("`nvidia-smi` names them: end the stale ones, or choose another GPU with `CUDA_VISIBLE_DEVICES`",),
            sure=False,
        )
        return
    beside = library(memory)
    own = memory.own if memory.own is not None else memory.reserved
    if beside and (memory.others or 0) <= beside:
        yield Diagnosis(
            f"this process holds {size_text(beside)} of the GPU outside PyTorch, and {size_text(memory.reserved)} "
            "in it",
            cures=(
                "another library in this program has taken it: TensorFlow, JAX and cuDF reserve ahead; tell them a "
                "limit (`XLA_PYTHON_CLIENT_PREALLOCATE=false`, `tf.config.experimental.set_memory_growth`)",
                "run that library in a process of its own",
            ),
        )
        return
    yield Diagnosis(
        f"other processes hold {size_text(memory.others)} of the GPU's {size_text(memory.total)}, this one "
        f"{size_text(own)}",
        cures=tuple(_cures(memory)),
        evidence=tuple(_evidence(memory)),
    )


def _cures(memory: MemoryRecord) -> Iterator[str]:
    named = [one for one in memory.processes if one.own is False]
    if named:
        most = max(named, key=lambda one: one.bytes)
        yield f"end process {most.pid} where it is a stale one (`ps -p {most.pid}`): frees {size_text(most.bytes)}"
    yield "`nvidia-smi` names them: end stale ones, or choose another GPU with `CUDA_VISIBLE_DEVICES`"
    yield "where several ranks have made their tensors on `cuda:0`: `torch.cuda.set_device(local_rank)` at the start"


def _evidence(memory: MemoryRecord) -> Iterator[str]:
    for one in [one for one in memory.processes if one.own is False][:3]:
        name = f" ({one.name})" if one.name else ""
        yield f"process {one.pid}{name} holds {size_text(one.bytes)}"
