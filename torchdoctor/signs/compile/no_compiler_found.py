"""torch.compile without the compilers that its back end calls: a C++ compiler, or Triton."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "No working C++ compiler found",
    "Compiler: cl is not found",
    "Cannot find a working triton installation",
    "TritonMissing",
    "Invalid backend: {backend},",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names what is missing."""
    without = "`torch.compile(model, backend='aot_eager')` needs none, and is no faster than eager code"
    if "backend" in said:
        name = said["backend"].strip("'\"")
        yield Diagnosis(
            f"there is no back end `{name}` for torch.compile",
            cures=("`backend='inductor'`, the default", "`torch._dynamo.list_backends()` names those that are there"),
        )
    elif "riton" in said.text:
        windows = failure.environment.get("platform") == "win32"
        yield Diagnosis(
            "torch.compile writes its kernels for the GPU in Triton, and Triton is not installed or not working",
            cures=(
                "`pip install triton-windows`"
                if windows
                else "`pip install -U torch`, which brings the Triton that fits it",
                without,
            ),
        )
    else:
        yield Diagnosis(
            "torch.compile writes C++ for the CPU, and there is no compiler that works",
            cures=(
                "`apt-get install g++`, in the image too; on macOS `xcode-select --install`, on Windows the MSVC "
                "build tools",
                "`CXX=/path/to/g++`, where it is not on the path",
                without,
            ),
        )
