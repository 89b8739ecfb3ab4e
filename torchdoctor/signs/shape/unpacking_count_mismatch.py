"""More or fewer names on the left than what a tensor, a shape or a layer gives on the right."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure(
    "not enough values to unpack (expected {names:d}, got {got:d})",
    "too many values to unpack (expected {names:d}, got {got:d})",
    "too many values to unpack (expected {names:d})",
    raises="ValueError",
    plain=False,
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where a tensor, a shape, or what torch has given, is what is unpacked."""
    asked = failure.asked
    if asked is None or asked.kind != "unpack" or not asked.operands:
        return
    value, names = asked.operands[0], said["names"]
    length = value.length
    shape = shape_of(value)
    if shape is not None:
        length = shape[0] if shape else None
    if length is None:
        return
    source = next((one for one in asked.operands[1:] if shape_of(one) is not None), None)
    yield Diagnosis(
        f"{_what(failure, value, source, length, names)}, and {names} names stand on the left",
        cures=tuple(_cures(failure, value, source, length, names)),
        roots=roots(failure, None, "", source if value.type == "Size" else value),
    )


def _sizes(value: ValueRecord) -> tuple[int, ...]:
    return tuple(one.literal for one in value.items if isinstance(one.literal, int))


def _what(failure: Failure, value: ValueRecord, source: ValueRecord | None, length: int, names: int) -> str:
    if value.type == "Size":
        return f"{name_of(failure, source, 'the tensor')} has {length} dimensions, {shape_text(_sizes(value))}"
    if value.tensor is not None:
        return f"{name_of(failure, value, 'a tensor')} {value.tensor.size_text} gives its {length} rows one by one"
    if length == names:
        return f"a part of `{value.code}` gives another number"
    return f"`{value.code}` gives {length} value{'s' * (length != 1)}"


def _cures(failure: Failure, value: ValueRecord, source: ValueRecord | None, length: int, names: int) -> Iterator[str]:
    code = spelled(failure, source)
    if value.type == "Size":
        if names == length + 1:
            yield f"`{code}.unsqueeze(0)` before it, if the batch is missing, or {length} names"
        else:
            yield (
                f"{length} names, or `{code}.shape[-{names}:]` for the last {names}"
                if names < length
                else f"{length} names"
            )
    elif value.tensor is not None:
        yield (
            f"`{spelled(failure, value)}.unbind(-1)`"
            if value.tensor.shape and value.tensor.shape[-1] == names
            else "`.shape`, if the sizes are meant"
        )
    elif ".chunk(" in value.code and length < names:
        yield f"`tensor_split({names}, ...)` in place of `chunk`, which gives fewer parts where it does not divide"
    elif length == 2 and names == 3 and value.code.endswith(")"):
        yield "`output, (h, c) = ...` of an LSTM: it gives its output and a pair"
    elif length == names == 2:
        yield "`output, h = ...` of a GRU or RNN: only an LSTM has a pair as its state"
