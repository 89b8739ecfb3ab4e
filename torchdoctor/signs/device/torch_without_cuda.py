"""A GPU is asked of a torch that was built without CUDA, or where there is none."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of

_CHECK = "`device = 'cuda' if torch.cuda.is_available() else 'cpu'`, and `.to(device)` for `.cuda()`"


@on_failure(
    "Torch not compiled with CUDA enabled",
    "Cannot access accelerator device when none is available",
    "Cannot get CUDA generator without ATen_cuda library",
    "torch.cuda.{what:w} requires CUDA support",
    "has no attribute '_cuda_{private:w}'",
    "PyTorch is not linked with support for {other:w} devices",
    "Torch not compiled with {backend:w} enabled",
    raises=("AssertionError", "RuntimeError", "AttributeError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The version of torch ("2.6.0+cpu") and the system decide which wheel has to be installed."""
    version = str(failure.environment.get("torch") or "")
    built = failure.environment.get("cuda")
    kind = said["other"] or (said["backend"] if said["backend"] not in (None, "CUDA") else None)
    if kind is not None:
        yield Diagnosis(
            f"this build of torch{f' ({version})' if version else ''} knows no {kind} device",
            ("`device = torch.accelerator.current_accelerator() or 'cpu'`, for whatever there is", "`'cpu'`"),
        )
        return
    if built:
        yield Diagnosis(
            f"torch {version} is built for CUDA {built}, and finds no GPU here",
            (_CHECK, "`nvidia-smi`, to see whether the system has one"),
        )
        return
    what = f"torch {version}" if version else "this torch"
    mac = str(failure.environment.get("platform") or "").startswith(("darwin", "macOS"))
    value = failure.operand("self")
    code = code_of(failure, value, "x")
    cures = [_CHECK]
    if mac:
        cures.insert(0, f"`{code}.to('mps')`, for the GPU of a Mac")
    else:
        cures.append("`pip install torch --index-url https://download.pytorch.org/whl/cu126`, for an NVIDIA GPU")
    yield Diagnosis(f"{what} is a build without CUDA, and was asked for a GPU", tuple(cures))
