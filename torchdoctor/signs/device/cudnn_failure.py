"""A status of cuDNN: memory in disguise, a layout or size it does not take, or a library of another version."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_LIMIT = 2**31


@on_failure(
    "cuDNN error: CUDNN_STATUS_{status:w}",
    "CUDNN_STATUS_{status:w}",
    "Unable to find a valid cuDNN algorithm to run convolution",
    "FIND was unable to find an engine to execute this computation",
    "GET was unable to find an engine to execute this computation",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What stands out in the operands is told; else the order in which to look."""
    status = said["status"]
    value = failure.operand("input", 0)
    tensor = value.tensor if value is not None else None
    name = failure.name_of(value, "the input")
    shown = f" (`{status.rstrip('.')}`)" if status else ""
    memory = "watch the GPU's memory: cuDNN needs a workspace, and says this when there is none; try half the batch"
    alone = "`torch.backends.cudnn.enabled = False` for one run: it tells whether cuDNN is the cause"
    if tensor is not None and (tensor.numel or 0) >= _LIMIT:
        yield Diagnosis(
            f"cuDNN refused {name} {tensor.size_text}{shown}: it has more than 2**31 elements",
            cures=("half the batch, or work in parts: `torch.cat([layer(part) for part in x.split(n)])`",),
        )
    elif tensor is not None and tensor.contiguous is False:
        yield Diagnosis(
            f"cuDNN refused {name} {tensor.size_text}{shown}, which is not contiguous",
            cures=(f"`{value.code if value and value.code.isidentifier() else 'x'}.contiguous()`", memory, alone),
        )
    else:
        yield Diagnosis(
            f"cuDNN found no way to compute this layer{shown}: mostly there was no memory left for its workspace",
            cures=(
                memory,
                "`torch.backends.cudnn.benchmark = False`",
                alone,
                "`unset LD_LIBRARY_PATH`: torch has its own cuDNN",
            ),
        )
