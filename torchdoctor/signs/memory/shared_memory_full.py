"""/dev/shm, through which processes hand tensors to each other, has no room for one more. Silent of the other reasons
for which it cannot be had: no permission, a name that is gone."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import HostRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_FULL, _TOO_LARGE, _NO_MEMORY = 28, 27, 12  # ENOSPC, EFBIG, ENOMEM
_CONTAINERS = 1 << 30  # a machine's own /dev/shm is half of its memory
_CURES = (
    "in Docker: `--shm-size=8g`, or `--ipc=host`; in Kubernetes a volume `emptyDir: {medium: Memory}` at /dev/shm",
    "`mount -o remount,size=8G /dev/shm`, with root's rights, where there is no container",
    "fewer workers, `prefetch_factor=1` or a smaller batch: each batch that waits lies there",
    "smaller batches of bytes: images as `uint8` from the worker, made `float` on the device",
)


@on_failure(
    "unable to allocate shared memory(shm) for file <{file}>: {why} ({code:d})",
    "unable to open shared memory object <{file}> in read-write mode: {why} ({code:d})",
    "unable to resize file <{file}> to the right size: {why} ({code:d})",
    "unable to write to file <{file}>: {why} ({code:d})",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The same words are said of files on a disk, by `torch.from_file`; the number is the system's own."""
    code = said["code"]
    if not said["file"].startswith(("/torch_", "torch_")) or code not in (_FULL, _TOO_LARGE, _NO_MEMORY):
        return
    who = "a batch of the loader" if failure.worker is not None or _collates(failure) else "a tensor"
    if code == _TOO_LARGE:
        yield Diagnosis(
            f"{who} is larger than this process may make a file, and what is shared counts as one",
            ("`ulimit -f unlimited` in the shell that starts it",),
        )
        return
    host = failure.memory.host if failure.memory is not None else None
    if code == _NO_MEMORY:
        yield Diagnosis(f"the machine, or its container, has no memory for {who} to be shared", _CURES[2:])
        return
    size = f", which has {size_text(host.shared)} in all" if host is not None and host.shared else ""
    yield Diagnosis(f"{who} found no room in /dev/shm{size}", tuple(_cures(host)))


@on_failure("Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm)")
def bus_error(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What a worker writes before the signal ends it: /dev/shm filled up after the room was given out."""
    yield Diagnosis("a worker wrote its batch to /dev/shm and found no room", _CURES)


def _cures(host: HostRecord | None) -> Iterator[str]:
    if host is not None and host.shared is not None and host.shared > _CONTAINERS:
        yield "`ls -l /dev/shm`: what processes have left there that are gone (torch_*, psm_*) can be removed"
    yield from _CURES


def _collates(failure: Failure) -> bool:
    return any(frame.path.replace("\\", "/").endswith("_utils/collate.py") for frame in failure.frames)
