"""A process of `mp.spawn` that ended without raising: killed by a signal, or by its own exit."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_WHY = {
    "SIGKILL": (
        "the system killed it: mostly the memory was full",
        "look at `dmesg | tail`; fewer processes, or less data in each",
    ),
    "SIGSEGV": (
        "native code in it crashed",
        "`python -X faulthandler` shows where: an extension, or a library that bears no fork",
    ),
    "SIGBUS": ("it found no room in /dev/shm", "in Docker: `--ipc=host`, or `--shm-size=8g`"),
    "SIGABRT": (
        "native code gave up: NCCL's watchdog, gloo with sizes that differ, an assert",
        "its standard error says why",
    ),
    "SIGTERM": ("it was ended from outside, mostly since another one failed first", "look at the others' output"),
}


@on_failure(
    "process {k:d} terminated with signal {signal:w}",
    "process {k:d} terminated with exit code {code:d}",
    raises="ProcessExitedException",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The signal or the exit code stands in the text."""
    if "signal" in said:
        why, cure = _WHY.get(
            said["signal"], ("its standard error may say why", "run the function alone, in this process")
        )
        yield Diagnosis(f"process {said['k']} was ended by {said['signal']}; {why}", cures=(cure,))
        return
    yield Diagnosis(
        f"process {said['k']} ended by itself with the code {said['code']}, and raised nothing",
        cures=(
            "look for `sys.exit` or `os._exit` in it, and at its standard error",
            "a function and its arguments must be importable in the child: `if __name__ == '__main__':` around "
            "the start",
        ),
    )
