"""A scheduler that is made with `last_epoch` for an optimizer that never had one."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "param 'initial_lr' is not specified in param_groups[{k:d}] when resuming",
    "param 'initial_lr' is not specified in param_groups[{k:d}]",
    raises="KeyError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`last_epoch` stands in the user's call."""
    given = failure.asked.operand("last_epoch") if failure.asked is not None else None
    optimizer = failure.asked.operand("optimizer", 0) if failure.asked is not None else None
    name = optimizer.code if optimizer is not None and optimizer.code.isidentifier() else "optimizer"
    epoch = f"`last_epoch={given.text}`" if given is not None and given.text else "`last_epoch`"
    yield Diagnosis(
        f"a scheduler is made with {epoch} for `{name}`, whose groups know no `initial_lr`: no scheduler was on "
        "it before",
        cures=(
            "leave `last_epoch` out, and load what was saved: `scheduler.load_state_dict(...)`",
            f"load `{name}`'s own state before the scheduler is made: it holds `initial_lr`",
            f"`for group in {name}.param_groups: group['initial_lr'] = 0.1`, with the rate that training began with",
        ),
    )
