"""Options of a DataLoader that exclude each other, or that need workers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

# A part of the text: what is so, what to write.
_CASES = (
    ("prefetch_factor option", "`prefetch_factor` is set, and there are no workers to fetch ahead",
     ("`num_workers=2` or more", "leave `prefetch_factor` out, or None, where `num_workers` is 0")),
    ("persistent_workers option", "`persistent_workers=True`, and there are no workers to keep",
     ("`num_workers=1` or more", "`persistent_workers=num_workers > 0`, where the number is a setting")),
    ("sampler option is mutually exclusive with shuffle", ("a sampler and `shuffle=True` are given: both choose "
        "the order"),
     ("leave `shuffle` out: a `DistributedSampler` shuffles itself, with `set_epoch`", "or leave the sampler out")),
    ("batch_sampler option", "a `batch_sampler` is given, which chooses the batches, and an option that does so too",
     ("leave `batch_size`, `shuffle`, `sampler` and `drop_last` out: the batch sampler has its own",)),
    ("batch_size=None option", "`batch_size=None` makes no batches, and `drop_last` drops the last of them",
     ("leave `drop_last` out, or give a `batch_size`",)),
    (("num_workers option should be "
        "non-negative"), "`num_workers` is negative", ("`num_workers=0`, or `os.cpu_count()`",)),
    ("batch_size should be a positive integer", "`batch_size` is no positive whole number",
     ("`batch_size=max(1, total // parts)`: a division with `/` gives a float, and `//` may give 0",)),
)  # fmt: skip


@on_failure(*(text for text, _, _ in _CASES), raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names the option; what was given for it stands in the user's call."""
    _, message, cures = next(case for case in _CASES if case[0] in failure.message)
    given = failure.asked.operand("batch_size") if failure.asked is not None else None
    if message.startswith("`batch_size` is no") and given is not None and given.text:
        message = (
            f"`{given.code if given.code == given.text else f'{given.code} = {given.text}'}` is no positive "
            "whole number"
        )
    yield Diagnosis(message, cures)
