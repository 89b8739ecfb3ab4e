"""A number that the tensor's dtype cannot hold: -1e9 in float16, 300 in uint8."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made

_LIMITS = {
    "float16": (-65504, 65504), "uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767),
    "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "uint16": (0, 65535),
}  # fmt: skip


@on_failure("value cannot be converted to type {dtype:w} without overflow", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The number is a literal, or a Python number among the operands; the tensor is of the text's dtype."""
    dtype = dtype_of(said["dtype"])
    least, most = _LIMITS.get(dtype, (None, None))
    tensor = next((v for v in failure.tensors if v.tensor is not None and v.tensor.dtype == dtype), None)
    number = _number(failure, least, most)
    code = code_of(failure, tensor, "x")
    limits = f"{dtype} holds {least} to {most}" if least is not None else f"{dtype} cannot hold it"
    whose = failure.name_of(tensor, "a tensor")
    masked = failure.calls("masked_fill", "masked_fill_", "where", "[]", "full", "fill_", "full_like", "triu", "pad")
    cures = []
    if dtype == "float16":
        if number is None or number < 0:
            cures = [f"`torch.finfo({code}.dtype).min`: the least number of whatever dtype it is", "`float('-inf')`"]
        else:
            cures = [f"`torch.finfo({code}.dtype).max`"]
        if not masked:
            cures.append(f"`{code}.float()` before it")
    elif dtype in _LIMITS and most is not None:
        wider = "int16" if dtype in ("uint8", "int8") else "int64"
        wider = "int64" if number is not None and abs(number) > 32767 else wider
        reach = f"for {number:g}" if number is not None else "a wider dtype"
        cures = [f"`dtype=torch.{wider}`, {reach}"]
        if number is not None and number < 0 and dtype.startswith("u"):
            cures = ["`torch.int64`: unsigned integers have no negative numbers", f"a marker from 0 to {most}"]
    what = f"{number:g}" if number is not None else "a number"
    yield Diagnosis(
        f"{what} is to be written into {whose} of {dtype}: {limits}"
        if whose == "a tensor"
        else f"{what} is to be written into {whose}, which is {dtype}: {limits}",
        cures=tuple(cures),
        roots=made(tensor, f"{dtype} is made here", "dtype"),
    )


def _number(failure: Failure, least: int | None, most: int | None) -> float | None:
    """The one number among the operands that is out of range."""
    if least is None or most is None:
        return None
    found = {float(n) for value in failure.values for n in _numbers(value) if not least <= n <= most}
    return found.pop() if len(found) == 1 else None


def _numbers(value: ValueRecord) -> Iterator[float]:
    literal = value.literal
    if type(literal) in (int, float) and abs(literal) != float("inf"):
        yield literal
    for item in value.items:
        yield from _numbers(item)
