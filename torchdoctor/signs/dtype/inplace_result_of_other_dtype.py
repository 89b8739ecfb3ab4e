"""An operation in place whose result the tensor's own dtype cannot hold: `counts += 0.5` of integers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import cast, code_of, dtype_of, made

_LOSSES = ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss")


@on_failure(
    "result type {result:w} can't be cast to the desired output type {own:w}",
    "Promotion of {} in in-place ops are not possible due to element size change",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The same text comes from a binary cross entropy with integer labels, which is another rule's."""
    if failure.calls(*_LOSSES):
        return
    result, own = dtype_of(said["result"]), dtype_of(said["own"])
    value = _target(failure, own)
    asked = failure.asked
    name, code = failure.name_of(value, "a tensor"), code_of(failure, value, "x")
    if asked is None or value is None:
        yield Diagnosis(
            f"a result of the dtype {result or 'float32'} was to be written into a tensor of {own or 'integers'}",
            (f"convert the tensor first, `{cast('x', result or 'float32')}`, or write out of place: `x = x + y`",),
            sure=False,
        )
        return
    named = code.replace(".", "").replace("_", "").isalnum()
    first = f"`{code} = {cast(code, result)}` before it" if named else f"`{cast(code, result)}` in its place"
    cures = [f"{first}, or make it {result} from the start"]
    if asked.kind == "operator" and asked.name.endswith("="):
        operator, other = asked.name[:-1], asked.operands[-1].code if asked.operands else "y"
        cures.insert(0, f"`{code} = {code} {operator} {other}`: out of place, the result is {result}")
        if operator == "/":
            cures.append(f"`{code} //= {other}`, if whole numbers are wanted")
    elif failure.calls("dropout", "Dropout"):
        cures = [f"`{cast(code, result)}`: dropout scales what is left, and takes floats"]
    yield Diagnosis(
        f"{name} is {own}, and the result that is to be written into it is {result}",
        cures=tuple(cures),
        roots=made(value, f"{own} is made here", "dtype"),
    )


def _target(failure: Failure, own: str) -> ValueRecord | None:
    placed = [v for one in failure.expressions for v in one.operands if v.role in ("left", "self", "out", "input")]
    pool = (*placed, *failure.tensors)
    return next((value for value in pool if value.tensor is not None and value.tensor.dtype == own), None)
