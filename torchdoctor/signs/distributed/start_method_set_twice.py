"""The start method of processes is set a second time."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("^context has already been set$", raises="RuntimeError", plain=False)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Python's text; the method that was wanted stands in the user's call."""
    given = failure.asked.operand("method", 0) if failure.asked is not None else None
    method = given.text if given is not None and given.text else "'spawn'"
    yield Diagnosis(
        "the start method of processes is set already: by an earlier call, or by the first process or queue that "
        "was made",
        cures=(
            f"once, first thing under `if __name__ == '__main__':`: `set_start_method({method})`",
            f"`torch.multiprocessing.get_context({method})` for these processes alone, or "
            f"`multiprocessing_context={method}`",
            f"`set_start_method({method}, force=True)`, where nothing was started yet",
        ),
    )
