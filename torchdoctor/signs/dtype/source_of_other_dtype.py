"""Writes by index whose source has another dtype than their destination: `x[idx] = y`, scatter, index_add."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made


@on_failure(
    "Index put requires the source and destination dtypes match, got {own:w} for the destination and {source:w} for",
    "scatter(): Expected self.dtype to be equal to src.dtype",
    "index_add_(): self ({own:w}) and source ({source:w}) must have the same scalar type",
    "self and source expected to have the same dtype, but got (self) {own:w} and (source) {source:w}",
    "expected self and source to have same dtypes but got{own:w} and {source:w}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The destination is what the method is called on, or what is subscripted."""
    target = failure.operand("self", "value")
    own = dtype_of(said["own"]) or (target.tensor.dtype if target is not None and target.tensor is not None else "")
    source = _source(failure, dtype_of(said["source"]), own)
    dtype = source.tensor.dtype if source is not None and source.tensor is not None else dtype_of(said["source"])
    right = _right(failure)
    plain = source.code if source is not None and not source.known and len(source.code) < 50 else ""
    code = code_of(failure, source, right or plain or "source")
    into = code_of(failure, target, "x").partition("[")[0]
    cures = [f"`{code}.to({into}.dtype)`" if len(code) < 50 else f"`.to({into}.dtype)` of what is written"]
    if {own, dtype} == {"float16", "float32"} or {own, dtype} == {"bfloat16", "float32"}:
        cures.append(f"`{into}` made under autocast's dtype: a buffer of {own} meets results of {dtype}")
    shown = failure.name_of(target, "the destination").partition("[")[0].rstrip("`")
    shown += "`" if shown.startswith("`") else ""
    yield Diagnosis(
        f"{shown} is {own or 'of one dtype'}, and what is written into it is {dtype or 'of another'}: a write by index "
        "converts nothing",
        cures=tuple(cures),
        roots=(
            *made(target, f"{own} is made here", "dtype"),
            *made(source, f"{dtype} is made here", "dtype"),
        ),
    )


def _source(failure: Failure, dtype: str, own: str) -> ValueRecord | None:
    if (asked := failure.asked) is None or asked.kind == "subscript":
        return None
    named = asked.operand("src", "source", "values", "tensor", 2, 1)
    if named is None or named.tensor is None:
        return named
    return named if named.tensor.dtype != own and dtype in ("", named.tensor.dtype) else None


def _right(failure: Failure) -> str:
    """What stands right of the `=` in the user's line."""
    user = failure.user
    text = user.text.partition("#")[0] if user is not None and failure.asked is not None else ""
    right = text.partition("] = ")[2].strip()
    return f"({right})" if " " in right else right
