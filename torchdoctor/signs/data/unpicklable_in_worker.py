"""A lambda, a local class or an open file that a spawned worker would have to be sent."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Can't pickle local object '{name}'",
    "Can't pickle local object <function {name} at",
    "Can't pickle <function {name} at {at:w}>: attribute lookup",
    "Can't get local object '{name}'",
    "cannot pickle '{thing}' object",
    raises=("AttributeError", "PicklingError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where a loader or a process of torch's was to be started: pickling fails elsewhere too."""
    if not any("/multiprocessing/" in frame.path.replace("\\", "/") for frame in failure.frames if not frame.user):
        return
    loader = any(frame.path.endswith("dataloader.py") for frame in failure.frames)
    who = "a spawned worker of the DataLoader" if loader else "a spawned process"
    if "thing" in said:
        if not loader:
            return
        yield Diagnosis(
            f"{who} would have to be sent a `{said['thing']}`, and that cannot be pickled",
            cures=("open it inside of the worker: in `worker_init_fn`, or at the first `__getitem__`",),
        )
        return
    name = said["name"]
    is_lambda = name.endswith("<lambda>")
    what = "a lambda" if is_lambda else f"`{name.rpartition('.')[2]}`, which is defined inside of a function"
    yield Diagnosis(
        f"{who} would have to be sent {what}: it is pickled by its name, and has none that a module knows",
        cures=(
            "a function at the top of a module in place of the lambda; `functools.partial` carries arguments"
            if is_lambda
            else "define it at the top of the module",
            "`num_workers=0`, or `multiprocessing_context='fork'` where the system has it (Linux)",
        ),
        evidence=(f"its name is `{name}`",),
    )
