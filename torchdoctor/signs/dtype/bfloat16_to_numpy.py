"""A bfloat16 tensor is turned into an array: NumPy has no such numbers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made


@on_failure("Got unsupported ScalarType {dtype:w}", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is what `numpy` is called on, or what a function of NumPy was given."""
    dtype = dtype_of(said["dtype"])
    value = next((v for v in failure.tensors if v.tensor is not None and v.tensor.dtype == dtype), None)
    if value is None and failure.asked is not None and failure.asked.name.rpartition(".")[2] == "numpy":
        value = failure.asked.operand("self")
    name, code = failure.name_of(value, "a tensor"), code_of(failure, value, "x")
    tensor = value.tensor if value is not None else None
    steps = ("detach().", "") if tensor is not None and tensor.requires_grad else ("", "")
    cpu = "cpu()." if tensor is not None and not tensor.device.startswith("cpu") else steps[1]
    yield Diagnosis(
        f"{name} is {dtype}, and NumPy has no such numbers",
        cures=(f"`{code}.{steps[0]}float().{cpu}numpy()`",),
        roots=made(value, f"{dtype} is made here", "dtype"),
    )
