"""torch has no kernel of that function for this dtype on this device: halves on CPU, complex, uint16, float8."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, dtype_of, made
from torchdoctor.signs.dtype import _kernels


@on_failure(
    "\"{kernel:w}\" not implemented for '{dtype:w}'",
    "linalg.{kernel:w}: Low precision dtypes not supported. Got {dtype:w}",
    "{kernel:w} is not supported for {dtype:w} types",
    "Unsupported dtype {dtype:w}",
    "quantile() input tensor must be either float or double dtype",
    raises=("RuntimeError", "NotImplementedError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Silent of integers and truth values: those are told of where floats are missing."""
    dtype = dtype_of(said["dtype"])
    value = _kernels.with_dtype(failure, dtype) if said["dtype"] else failure.operand("self", "input", 0)
    tensor = value.tensor if value is not None else None
    dtype = tensor.dtype if tensor is not None else dtype
    if not dtype or _kernels.whole(dtype) or _kernels.bitwise(said["kernel"]):
        return
    device = tensor.device.partition(":")[0] if tensor is not None else ""
    place = device.upper() if device in ("cpu", "cuda", "mps") else "this device"
    own = failure.name_of(value, "its input")
    name = _kernels.function(failure, said["kernel"])
    shape = f" {tensor.size_text}" if tensor is not None else ""
    yield Diagnosis(
        f"{name} is not written for {dtype} on {place}, and {own}{shape} is {dtype}",
        cures=tuple(_cures(failure, dtype, device or "cpu", code_of(failure, value, "x"))),
        roots=made(value, f"{dtype} is made here", "dtype"),
    )


def _cures(failure: Failure, dtype: str, device: str, code: str) -> Iterator[str]:
    layer = failure.layer
    if dtype in ("float16", "bfloat16") and device == "cpu":
        if layer is not None and layer.parameters:
            yield "`model.float()` and a float32 input on CPU; half precision belongs on a GPU"
        else:
            yield f"`{code}.float()`, and `.to(torch.{dtype})` of the result"
        if dtype == "float16":
            yield "`torch.bfloat16` instead of `torch.float16`: more of it is written for CPU"
    elif dtype in ("float16", "bfloat16"):
        yield f"`{code}.float()`, and `.to(torch.{dtype})` of the result"
    elif dtype.startswith("complex"):
        yield f"`{code}.abs()`, `{code}.real` or `torch.view_as_real({code})`: the function takes real numbers"
    elif dtype.startswith("uint"):
        wider = {"uint16": "int32", "uint32": "int64"}.get(dtype, "int64")
        yield f"`{code}.to(torch.{wider})`: {dtype} is little more than a format for files"
    elif dtype.startswith("float8"):
        yield f"`{code}.to(torch.bfloat16)` before it: float8 is for storage and scaled matrix products"
    else:
        yield f"`{code}.float()`"
