"""A parameter that stands in two groups of an optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("some parameters appear in more than one parameter group", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The groups' tensors are known where they were given as lists; else the shapes of the text's groups are not."""
    asked = failure.asked
    given = asked.operand("params", 0) if asked is not None else None
    groups = [_params(group.items) for group in given.items] if given is not None else []
    twice = ""
    for index, group in enumerate(groups):
        for other in range(index):
            if both := {*group} & {*groups[other]}:
                shape = group[next(iter(both))]
                twice = f"{len(both)} of the tensors of group {index} (one of them {shape}) in group {other} too"
    yield Diagnosis(
        f"a parameter stands in two groups{': ' + twice if twice else ''}",
        cures=(
            "filter by identity: `ids = {id(p) for p in head}`, then `[p for p in model.parameters() if id(p) "
            "not in ids]`",
            "tied weights (`decoder.weight = encoder.weight`) are one tensor: give it to one group only",
        ),
    )


def _params(items: tuple[object, ...]) -> dict[int, str]:
    from torchdoctor.record import ValueRecord

    found: dict[int, str] = {}
    for item in items:
        if isinstance(item, ValueRecord) and item.role == "params":
            for one in item.items or (item,):
                if one.tensor is not None:
                    found[one.identity] = one.tensor.size_text
    return found
