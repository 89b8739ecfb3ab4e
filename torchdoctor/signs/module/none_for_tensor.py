"""None where a tensor belongs: a forward or a function that returns nothing, an option that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import made
from torchdoctor.signs.module._gradients import of_computed, of_frozen, owner_of
from torchdoctor.signs.module._nothing import cures_of, unreturned

_NONE = "NoneType"


@on_failure(
    *_given.TEXTS,
    _given.OPERATION,
    "'NoneType' object has no attribute '{attribute:w}'",
    raises=("TypeError", "AttributeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Other values of a wrong type have rules of their own."""
    if not _given.asks_for_a_tensor(failure, said["attribute"]):
        return
    if any(frame.function.endswith("collate") for frame in failure.frames):
        return  # a sample that is None: the loader's rule
    if said["symbol"] is not None:
        value = next((one for one in _given.sides(failure, said) if one is not None and one.type == _NONE), None)
        gradient = value is not None and value.code.endswith(".grad")
        if _NONE not in (said["left"], said["right"]) or not (gradient or _given.with_a_tensor(said)):
            return
    elif said["attribute"] is None and _given.short_type(said["type"]) != _NONE:
        return
    else:
        value = _given.refused(failure, said, _NONE) or _asked(failure, said)
    where = _given.function(failure, said)
    name = f"`{value.code}`" if value is not None and value.code not in ("", "None") else "what was used"
    if _given.in_sequence(failure):
        yield Diagnosis(
            f"{where} gets None from the module before it in the sequence",
            ("a `return` at the end of that module's `forward`",),
        )
        return
    owner = owner_of(failure, value)
    if (
        owner is not None
        and owner.tensor is not None
        and (owner.tensor.leaf is False or not owner.tensor.requires_grad)
    ):
        yield from of_computed(owner) if owner.tensor.leaf is False else of_frozen(owner)
        return
    wants = f"has no `{said['attribute']}`" if said["attribute"] is not None else f"{where} wants a tensor"
    if value is not None and value.given_by is not None:
        of_none = "None " if said["attribute"] is not None else ""
        yield unreturned(name, value, value.given_by, f"and {of_none}{wants}")
        return
    yield Diagnosis(
        f"{name} is None, and {wants}",
        cures=tuple(cures_of(value)),
        roots=made(value, f"{name} becomes None here", "value"),
    )


# Others say these too: torch has to be what was asked.
elsewhere = on_failure(_given.OVERLOADS, raises="TypeError", plain=False)(sign.run)


def _asked(failure: Failure, said: Said) -> ValueRecord | None:
    """What an attribute was asked of, where the text tells of one."""
    asked = failure.asked
    return asked.operand("self") if said["attribute"] is not None and asked is not None else None
