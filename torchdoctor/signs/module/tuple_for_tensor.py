"""A layer that gives several things, taken for a tensor: LSTM, attention, `x.max(1)`, a model's output object."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import a, made
from torchdoctor.signs.module import _parts

_NEVER = frozenset({
    "NoneType", "ndarray", "list", "float", "int", "str", "bool", "Tensor", "Parameter", "type", "Image", "bytes",
    "dtype",
    "device", "Size", "Generator", "function", "method", "builtin_function_or_method", "set", "range",
})  # fmt: skip


@on_failure(
    *_given.TEXTS,
    _given.OPERATION,
    _given.ATTRIBUTE,
    raises=("TypeError", "AttributeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Told of tuples, dictionaries and objects that hold tensors; of text alone only for a tuple or a dict."""
    if not _given.asks_for_a_tensor(failure, said["attribute"]):
        return
    if said["symbol"] is not None:
        value, kind = _side(failure, said)
    else:
        kind = _given.short_type(said["type"])
        value = _given.refused(failure, said, kind)
    unknown = value is None or not value.items
    if (
        not kind
        or kind in _NEVER
        or (unknown and "combination" in said.text)
        or (value is not None and (value.module is not None or not _several(value)))
    ):
        return
    known = kind in ("tuple", "dict") or (said["type"] or "").startswith("torch.return_types.")
    if value is None and not known:
        return
    shown = value is not None and not _given.in_sequence(failure)
    name = f"`{value.code}`" if shown and value is not None and value.code else "what came before it"
    holds = f" of {_listed(value)}" if value is not None and value.items else ""
    yield Diagnosis(
        f"{name} is {a(kind)}{holds}, {_given.wants(failure, said)}",
        cures=tuple(_parts.cures(failure, value, kind)),
        roots=made(value, f"{name} is made here", "value") if shown else (),
    )


# Others say these too: torch has to be what was asked.
elsewhere = on_failure(_given.OVERLOADS, raises="TypeError", plain=False)(sign.run)


def _side(failure: Failure, said: Said) -> tuple[ValueRecord | None, str]:
    """The side of an operator that holds several; where its value is not known, the one that the text calls a tuple."""
    sides = [one for one in _given.sides(failure, said) if one is not None]
    if (found := next((one for one in sides if one.known and _several(one)), None)) is not None:
        return found, found.type
    tuples = "tuple" in (said["left"], said["right"]) and _given.with_a_tensor(said)
    return next((one for one in sides if not one.known), None), "tuple" if tuples else ""


def _several(value: ValueRecord) -> bool:
    held = [item.tensor or any(one.tensor for one in item.items) for item in value.items]
    return value.type not in _NEVER and (any(held) or (not value.items and value.type not in ("tuple", "dict")))


def _listed(value: ValueRecord) -> str:
    shown = [item.tensor.size_text if item.tensor is not None else item.type for item in value.items[:4]]
    named = [f"{one.role} {text}" if one.role and not one.role.isdigit() else text
             for one, text in zip(value.items, shown, strict=False)]  # fmt: skip
    return ", ".join(named) + (", ..." if len(value.items) > 4 else "")
