"""An optimizer's state that was saved with other parameters or groups than it is loaded into."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "loaded state dict has a different number of parameter groups",
    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    raises="ValueError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The saved groups stand in the state that was loaded; the optimizer's, among the objects in reach."""
    asked = failure.asked
    state = asked.operand("state_dict", 0) if asked is not None else None
    saved = _sizes(state)
    held = asked.operand("self") if asked is not None else None
    optimizer = next((o for o in failure.objects if o.kind == "optimizer" and held and o.name == held.code), None)
    if saved is None or optimizer is None:
        groups = "groups" if "number of" in said.text else "parameters in a group"
        yield Diagnosis(f"the saved optimizer has another number of {groups} than the one that loads it")
        return
    own = optimizer.facts
    yield Diagnosis(
        f"the saved optimizer has {_several(sum(saved), 'parameter')} in {_several(len(saved), 'group')}, and "
        f"`{optimizer.name}` has {_several(own['parameters'], 'parameter')} in {_several(own['groups'], 'group')}",
        cures=(
            "freeze, unfreeze and group before the optimizer is made, just as it was when it was saved",
            "where the model has changed on purpose, begin with a new optimizer and load the model's state alone",
        ),
    )


def _sizes(state: ValueRecord | None) -> list[int] | None:
    groups = next((one for one in state.items if one.role == "param_groups"), None) if state is not None else None
    if groups is None or groups.length != len(groups.items):
        return None
    lists = [next((one for one in group.items if one.role == "params"), None) for group in groups.items]
    return [one.length or 0 for one in lists if one is not None]


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
