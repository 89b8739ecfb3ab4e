"""A dtype of NumPy's or Python's, or its name, where torch wants its own."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_NAMES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int64", "uint8": "uint8",
    "bool_": "bool", "str": "",
}  # fmt: skip
_TORCH = ("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64")


@on_failure(
    "{op:w}(): argument 'dtype' must be torch.dtype, not {kind:w}",
    "Invalid device string: '{device:w}'",
    "{op:w}() received an invalid combination of arguments - got ({types}), but expected",
    "^invalid type: '{name:w}'",
    raises=("TypeError", "RuntimeError", "ValueError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`x.to("float32")` reads the text as a device; `x.to(np.float32)` finds no form of `to` that takes a class."""
    asked = failure.asked
    operands = [one for one in (asked.operands if asked is not None else ()) if one.role != "self"]
    if said["device"] is not None and _torch_name(said["device"]) is None:
        return
    if said["types"] is not None and "type" not in said["types"].replace("=", " ").split():
        return
    pool = [one for one in operands if _torch_name(one.literal or one.code.rpartition(".")[2])]
    value = next((one for one in pool if one.role == "dtype"), pool[0] if pool else None)
    name = said["device"] or said["name"] or (_wanted(value.literal or value.code) if value is not None else "")
    right = _torch_name(name.rpartition(".")[2]) if name else None
    if said["types"] is not None and right is None:
        return
    shown = f"`{value.code}`" if value is not None and value.code else f"'{name}'" if name else "what it got"
    if said["kind"] is not None and not name:
        shown = f"a {said['kind']}"
    yield Diagnosis(
        f"{shown} is no dtype of torch's" + (", and was read as a device" if said["device"] is not None else ""),
        (f"`torch.{right}`",) if right else ("a dtype of torch's: `torch.float32`, `torch.int64`",),
    )


def _wanted(code: object) -> str:
    return str(code).rpartition(".")[2]


def _torch_name(name: object) -> str | None:
    word = str(name).rpartition(".")[2]
    return word if word in _TORCH else _NAMES.get(word) or None
