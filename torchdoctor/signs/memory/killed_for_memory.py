"""A process that the kernel, the container or the scheduler killed for its memory: it raised nothing, and only the log
tells. Silent of signals that others send."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_SURE = (
    "Out of memory: Killed process {pid:d} ({name}) total-vm:{virtual:d}kB, anon-rss:{rss:d}kB",
    "Memory cgroup out of memory: Killed process {pid:d} ({name}) total-vm:{virtual:d}kB, anon-rss:{rss:d}kB",
    "Out of memory: Killed process {pid:d}",
    "Memory cgroup out of memory: Killed process {pid:d}",
    "oom_kill event",
    "oom-kill event",
    "OOMKilled",
)
_LIKELY = (
    "^Killed$",
    "exit code 137",
    "exit code: 137",
    "exited with code 137",
    "exit status 137",
    "died with <Signals.SIGKILL: 9>",
    "(exitcode: -9)",
    "exitcode : -9 (pid: {pid:d})",
    "exited on signal 9 (Killed)",
)
_CURES = (
    "watch its memory, `watch -n 1 free -g` beside the run: growth is a leak, a jump is one line's",
    "fewer workers, or `prefetch_factor=1`: each holds what the dataset keeps in Python objects, and batches ahead",
    "more memory for the container or job: `docker run --memory`, the pod's limits, `sbatch --mem`",
    "weights from a file in parts: `torch.load(path, mmap=True)`, `safetensors`; data from a memory map (`np.memmap`)",
)


@on_failure(*_SURE)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The kernel's own line has the sizes."""
    if "false" in failure.message[failure.message.find("OOMKilled") :][:20].lower():  # as `docker inspect` tells it
        return
    held = f" as it held {said['rss'] / (1 << 20):.3g} GiB" if said["rss"] else ""
    name = f"`{' '.join(said['name'].split())[:40].replace('`', '')}`" if said["name"] else "the process"
    group = "Memory cgroup" in said.text
    whose = "of its control group" if group else "of the machine or job"
    yield Diagnosis(f"{name} was killed{held}: the memory {whose} was full", _CURES)


@on_failure(*_LIKELY, plain=True)
def likely(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """137 is 128 and 9: SIGKILL, which nothing can catch, and mostly comes from the kernel when the memory is full."""
    if failure.frames:
        return
    yield Diagnosis(
        "the process was ended by SIGKILL (exit code 137), mostly since the memory was full; it could say nothing",
        ("`dmesg | tail` (or `kubectl describe pod`, `sacct -o MaxRSS`) tells whether it was for memory", *_CURES),
        sure=False,
    )
