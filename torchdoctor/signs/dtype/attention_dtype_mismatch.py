"""Queries, keys and values of two dtypes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of

_PARTS = (("query", 0), ("key", 1), ("value", 2))


@on_failure(
    "Expected query, key, and value to have the same dtype, but got query.dtype: {query} key.dtype: {key} and "
    "value.dtype: {value} instead",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds the three dtypes; the one that is alone is the one to convert."""
    dtypes = {name: dtype_of(said[name]) for name, _ in _PARTS}
    operands = {name: failure.operand(name, place) for name, place in _PARTS}
    counts = {dtype: list(dtypes.values()).count(dtype) for dtype in dtypes.values()}
    usual = dtypes["query"] if counts[dtypes["query"]] > 1 else dtypes["value"]
    odd = [name for name, _ in _PARTS if dtypes[name] != usual]
    names = {name: failure.name_of(operands[name], f"the {name}") for name, _ in _PARTS}
    model = code_of(failure, operands[_other(odd)], _other(odd))
    cures = [f"`{code_of(failure, operands[name], name)}.to({model}.dtype)`" for name in odd]
    if odd == ["value"] and usual == "float32":
        q, k, v = (code_of(failure, operands[name], name) for name, _ in _PARTS)
        cures.append(f"`{q}.to({v}.dtype)` and `{k}.to({v}.dtype)`, to stay in {dtypes['value']}")
    elif {"float16", "bfloat16"} & set(dtypes.values()) and "float32" in dtypes.values():
        cures.append("keep all three inside `torch.autocast`, and a cache of keys and values in its dtype")
    yield Diagnosis(
        ", ".join(f"{names[name]} is {dtypes[name]}" for name, _ in _PARTS) + ": attention takes one dtype",
        cures=tuple(cures),
        roots=tuple(
            Root(operand, f"{dtypes[name]} is made here", "dtype")
            for name in odd
            if (operand := operands[name]) is not None
        ),
    )


def _other(odd: list[str]) -> str:
    return next(name for name, _ in _PARTS if name not in odd)
