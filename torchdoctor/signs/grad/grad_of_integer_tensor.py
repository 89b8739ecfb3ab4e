"""requires_grad asked of a tensor that is no float."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure("^only Tensors of floating point", "^Only Tensors of floating point", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What is to require a gradient is an operand, or is made by the failing call itself."""
    value = next((one for one in failure.tensors if one.tensor is not None and not one.tensor.floating), None)
    called = failure.called.rpartition(".")[2]
    asked = failure.asked
    if value is not None and value.tensor is not None:
        name, code = failure.name_of(value, "the tensor"), code_of(failure, value, "x")
        parameter = failure.calls("Parameter", "torch.nn.Parameter", "__new__", "register_parameter")
        yield Diagnosis(
            f"{name} {value.tensor.size_text} is {value.tensor.dtype}: gradients are for floats",
            cures=tuple(_cures(code, parameter)),
            roots=made(value, f"{value.tensor.dtype} is made here", "dtype"),
        )
        return
    dtype = next((v.text for one in failure.expressions for v in one.operands if v.text.startswith("torch.")), "")
    if dtype:
        yield Diagnosis(
            f"a tensor of {dtype.removeprefix('torch.')} is to require a gradient: gradients are for floats",
            ("no `dtype`, or a float one", "`register_buffer` for numbers that are not learnt"),
        )
        return
    whole = _whole_numbers(asked.operands[0]) if asked is not None and asked.operands else False
    source = f"`torch.{called}`" if called in ("tensor", "arange", "ones", "zeros", "full", "as_tensor") else "torch"
    given = "given whole numbers" if whole or called != "tensor" else "so asked"
    yield Diagnosis(
        f"{source}, {given}, makes a tensor of integers, and gradients are for floats",
        ("numbers with a point: `[1.0, 2.0]`", "`dtype=torch.float32`"),
    )


def _cures(code: str, parameter: bool) -> Iterator[str]:
    if parameter:
        yield f"`nn.Parameter({code}.float())`, if it is to be learnt"
        yield f"`self.register_buffer('name', {code})`, or `nn.Parameter({code}, requires_grad=False)`, if it is not"
    else:
        yield f"`{code}.float().requires_grad_()`"


def _whole_numbers(value: ValueRecord) -> bool:
    parts = value.items or (value,)
    return any(isinstance(part.literal, int) or (part.items and _whole_numbers(part)) for part in parts)
