"""A write in place to a tensor whose elements share memory, in torch's words."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "more than one element of the written-to tensor refers to a single memory location",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The written tensor is the operand with a stride of 0."""
    value = _written(failure)
    if value is None or value.tensor is None:
        yield Diagnosis("a tensor was written to in place whose elements share memory, as those of `expand` do")
        return
    tensor, name = value.tensor, failure.name_of(value, "the tensor")
    axes = [n for n, (size, step) in enumerate(zip(tensor.shape or (), tensor.strides or (), strict=False))
            if step == 0 and size > 1]  # fmt: skip
    rows = (tensor.shape or ())[axes[0]]
    yield Diagnosis(
        f"{name} {tensor.size_text} was written to in place, and all {rows} entries of its dimension {axes[0]} are one "
        "place in memory",
        cures=tuple(_cures(failure, value)),
        roots=made(value, f"{name} is expanded here", "layout"),
    )


def _written(failure: Failure) -> ValueRecord | None:
    places = [value for one in failure.expressions for value in one.operands if value.role in ("self", "left", "out")]
    shared = [value for value in (*places, *failure.tensors) if value.tensor is not None and value.tensor.repeated]
    return shared[0] if shared else None


def _cures(failure: Failure, value: ValueRecord) -> Iterator[str]:
    code, asked = code_of(failure, value, "x"), failure.asked
    if value.tensor is not None and value.tensor.worked_out:
        yield "`.repeat(...)` instead of `.expand(...)`: it copies"
        return
    yield f"`{code} = {code}.clone()` before the write: each entry then has its own memory"
    if asked is not None and asked.kind == "operator" and asked.name.endswith("=") and len(asked.operands) == 2:
        yield f"`{code} = {code} {asked.name[:-1]} {asked.operands[1].code}`: out of place"
