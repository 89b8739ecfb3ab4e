"""A worker of the DataLoader that ended without a word: killed for memory, out of shared memory, or never started."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_OF_SIGNALS = {
    "Bus error": "it found no room in /dev/shm, through which workers hand over their batches",
    "Killed": "the system killed it: mostly the memory was full",
    "Segmentation fault": "native code in it crashed: a library that does not bear a fork, or several threads",
    "Aborted": "native code in it gave up",
}


@on_failure(
    "DataLoader worker (pid {pid:d}) is killed by signal: {signal}.",
    "DataLoader worker (pid(s) {pids}) exited unexpectedly",
    "DataLoader worker (pid {pid:d}) exited unexpectedly with exit code {code:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The signal, where there is one, tells why; else the workers' own words on standard error do."""
    signal = said["signal"] or _signal(failure.causes)
    workers = _workers(failure)
    shared = ("in Docker: `--ipc=host`, or `--shm-size=8g`; its 64 MiB of /dev/shm hold few batches",)
    memory = (
        f"fewer workers{workers}, or `prefetch_factor=1`: each holds a copy of what the dataset reads, and "
        "batches ahead",
        "keep the data in one array or memory map instead of lists of Python objects, which are copied page by page",
    )
    alone = "`num_workers=0` for a run: an error in the dataset is then shown where it happens"
    if signal is None:
        what = f"with exit code {said['code']}" if "code" in said else "without a message"
        yield Diagnosis(
            f"a worker of the DataLoader ended {what}: killed, crashed, or never started",
            cures=(
                alone,
                "a script that spawns workers (Windows, macOS) needs `if __name__ == '__main__':` around what it runs",
                *shared[:1],
                *memory[:1],
            ),
        )
        return
    why = next((text for name, text in _OF_SIGNALS.items() if signal.startswith(name)), f"by the signal {signal}")
    cures = shared + memory[:1] if signal.startswith("Bus") else memory if signal.startswith("Killed") else ()
    if not cures:
        cures = (
            "`cv2.setNumThreads(0)` and `torch.set_num_threads(1)` in `worker_init_fn`; open files in the "
            "worker, not before",
            "`multiprocessing_context='spawn'` in the loader: nothing is inherited then",
        )
    yield Diagnosis(f"a worker of the DataLoader was killed ({signal}): {why}", cures=(*cures, alone))


@on_failure(raises="ConnectionResetError")
def reset(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A worker that dies while it hands a batch over: the parent's connection to it breaks off."""
    if any(frame.path.endswith("dataloader.py") for frame in failure.frames):
        yield Diagnosis(
            "a worker of the DataLoader was gone when its batch was to be taken over",
            cures=("look for what killed it: the memory, or /dev/shm; `num_workers=0` shows an error of the dataset",),
        )


def _signal(causes: tuple[Failure, ...]) -> str | None:
    """The signal, where the handler of it raised first."""
    found = (re.search(r"is killed by signal: ([\w ]+)", cause.message) for cause in causes)
    return next((hit[1] for hit in found if hit is not None), None)


def _workers(failure: Failure) -> str:
    loader = next((one for one in failure.objects if one.kind == "loader"), None)
    count = loader.facts.get("num_workers") if loader is not None else None
    return f" than {count}" if isinstance(count, int) and count > 1 else ""
