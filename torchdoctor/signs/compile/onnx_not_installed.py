"""An export to ONNX without the packages that write it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("Module onnx is not installed", "No module named 'onnxscript'", "No module named 'onnx'")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where the user's own import failed it is no concern of the exporter."""
    own = any("torch/onnx" in frame.path.replace("\\", "/") for frame in failure.frames)
    if not own and not said.text.startswith("Module onnx"):
        return
    missing = "onnxscript" if "onnxscript" in said.text else "onnx"
    yield Diagnosis(
        f"`torch.onnx.export` needs the package `{missing}`, and it is not installed",
        cures=(
            "`pip install onnx onnxscript`, in the environment that runs this program",
            *(("`dynamo=False` takes the old exporter, which needs `onnx` alone",) if missing == "onnxscript" else ()),
        ),
    )
