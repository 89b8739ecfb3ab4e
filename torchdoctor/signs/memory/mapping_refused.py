"""The system does not map a file or a shared tensor into this process: too many maps, a limit on addresses, or what may
be promised in all. Silent of other reasons: an empty file, a device."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import HostRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_NO_MEMORY = 12  # ENOMEM
_MANY = 0.9  # of the maps that a process may have
_PAGING = "the paging file is too small for all that the processes have reserved"


@on_failure("unable to mmap {bytes:d} bytes from file <{file}>: {why} ({code:d})", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A tensor that is shared, or `torch.load(mmap=True)` and `torch.from_file`; live, the limits tell which it was."""
    if said["code"] != _NO_MEMORY:
        return
    host = failure.memory.host if failure.memory is not None else None
    host, size = host or HostRecord(), size_text(said["bytes"])
    shared = said["file"].startswith(("/torch_", "torch_")) or said["file"] == "filename not specified"
    what = f"a shared tensor of {size}" if shared else f"`{_last(said['file'])}`, {size} of it,"
    many = host.maps is not None and host.maps_limit is not None and host.maps > host.maps_limit * _MANY
    limited = host.address_limit is not None and (host.virtual or 0) + said["bytes"] > host.address_limit
    addresses = "`ulimit -v unlimited` in the shell that starts it, or in the scheduler's job"
    maps = "`sysctl -w vm.max_map_count=1048576`, with root's rights"
    fewer = "do not keep batches from step to step; what is kept, keep as a copy: `x.clone()`"
    cures: tuple[str, ...] = (fewer, maps)
    if many:
        why = f"it has {host.maps:,} maps already, and may have {host.maps_limit:,}"
    elif limited:
        why = f"`ulimit -v` holds this process to {size_text(host.address_limit)} of addresses"
        cures = (addresses, fewer) if shared else (addresses,)
    else:
        why = "it may have no more maps, or no more addresses"
        cures = (
            *((fewer, maps) if shared else ()),
            "`ulimit -v` and `cat /proc/sys/vm/overcommit_memory` (2 is strict) tell of the limits",
            *(() if shared else ("`torch.load(path)` without `mmap=True`, where the memory is there",)),
        )
    yield Diagnosis(f"{what} could not be mapped into the process: {why}", cures)


@on_failure(
    "Couldn't open shared file mapping: <{file}>, error code: <1455>",
    "Couldn't open shared event: <{file}>, error code: <1455>",
    "[WinError 1455]",
    raises=("RuntimeError", "OSError"),
)
def windows(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Windows counts what is reserved, used or not: each worker that imports torch reserves gigabytes for CUDA's
    libraries."""
    yield Diagnosis(
        _PAGING,
        (
            "fewer workers: each is a process of its own, and reserves what torch's libraries ask for as it starts",
            "a larger paging file: System, Advanced, Performance, Virtual memory",
        ),
    )


def _last(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2][:60].replace("`", "")
