"""The default process group is used before it is made, or made twice."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Default process group has not been initialized",
    "trying to initialize the default process group twice",
    raises=("ValueError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What was asked of it stands in the user's frame."""
    asked = failure.asked
    code = " ".join(asked.code.split()) if asked is not None else ""
    what = f"`{code}`" if code and "`" not in code and len(code) < 80 else "something"
    if "twice" in said.text:
        yield Diagnosis(
            "the default process group is there already, and `init_process_group` is called again",
            cures=(
                "`if not dist.is_initialized(): dist.init_process_group(...)`",
                "call it once, at the start of the program; a launcher or trainer (Lightning, Accelerate) has "
                "done it already",
                "for a second group of ranks: `dist.new_group(ranks)`",
            ),
        )
        return
    yield Diagnosis(
        f"{what} needs a process group, and none was made in this process",
        cures=(
            "`dist.init_process_group('nccl')` first (`'gloo'` on the CPU), in every process, under `torchrun`",
            "where the program also runs alone: `if dist.is_initialized():` around it",
        ),
    )
