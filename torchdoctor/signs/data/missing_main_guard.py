"""A spawned process that runs the script again, and would spawn in its turn: no main guard."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "An attempt has been made to start a new process before the current process has finished its bootstrapping phase",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Python's own text, and mostly a DataLoader with workers at the top of a script on Windows or macOS."""
    loader = any(frame.path.endswith("dataloader.py") for frame in failure.frames)
    yield Diagnosis(
        "a spawned process runs this script from its top, and comes to the line that starts "
        + ("the DataLoader's workers" if loader else "processes")
        + " again",
        cures=(
            "put what the script runs into `def main():`, and call it under `if __name__ == '__main__':`",
            "`num_workers=0` needs no process, and no guard",
        ),
    )
