"""Lengths for `random_split` that do not add up to the dataset, and tensors of several lengths in one dataset."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Sum of input lengths does not equal the length of the input dataset", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The lengths stand in the call; rounding each of them down is the usual fault."""
    asked = failure.asked
    given = asked.operand("lengths", 1) if asked is not None else None
    dataset = asked.operand("dataset", 0) if asked is not None else None
    parts = [item.literal for item in given.items] if given is not None else []
    if not parts or any(not isinstance(one, (int, float)) for one in parts):
        yield Diagnosis(
            "the lengths of the parts do not add up to the length of the dataset", _cures("dataset", len(parts))
        )
        return
    total = sum(one for one in parts if isinstance(one, (int, float)))
    size = dataset.length if dataset is not None else None
    name = failure.name_of(dataset, "the dataset")
    has = f"; {name} has {size}" if size is not None else ""
    code = dataset.code if dataset is not None and dataset.code.isidentifier() else "dataset"
    yield Diagnosis(
        f"the parts {tuple(parts)} add up to {total:g}{has}",
        cures=_cures(code, len(parts)),
        roots=(Root(given, "the lengths are made here", "value"),) if given is not None else (),
    )


def _cures(code: str, parts: int) -> tuple[str, ...]:
    shares = "[0.8, 0.1, 0.1]" if parts == 3 else "[0.8, 0.2]"
    return (
        f"shares that add up to 1 take care of the rest: `random_split({code}, {shares})`",
        f"or let the last part be what is left: `len({code}) - n_train{' - n_val' if parts == 3 else ''}`",
    )
