"""A backend of torch.distributed that this build does not have, or that does not serve the tensor's device."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Distributed package doesn't have {name:w} built in",
    "Unknown backend type {name:w}",
    "Unknown c10d backend type {name:w}",
    "No backend type associated with device type {device:w}",
    "Tensors must be CUDA and dense",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The build is known in a live run: without CUDA there is no NCCL."""
    name = (said["name"] or "").rstrip(".")
    if "device" in said or said.text.startswith("Tensors must"):
        device = said["device"] or "cpu"
        value = next((one for one in failure.tensors if one.tensor is not None and one.tensor.device == device), None)
        shown = failure.name_of(value, "a tensor")
        code = value.code if value is not None and value.code.isidentifier() else "x"
        yield Diagnosis(
            f"{shown} is on `{device}`, and the process group has no backend for that",
            cures=(
                f"`{code} = {code}.to(device)` before the collective",
                "`init_process_group('cpu:gloo,cuda:nccl')` serves both",
            ),
        )
        return
    cuda = failure.environment.get("cuda")
    build = f"torch {failure.environment['torch']}" if "torch" in failure.environment else "this build of torch"
    without = " (a build without CUDA)" if failure.live and not cuda and name.upper() == "NCCL" else ""
    yield Diagnosis(
        f"{build}{without} has no backend `{name.lower()}`",
        cures=(
            "`init_process_group('gloo')`: on the CPU, on Windows and on macOS it is the one there is",
            "`backend='nccl' if torch.cuda.is_available() else 'gloo'`",
            "with GPUs at hand: a build of torch with CUDA, on Linux",
        )
        if name.upper() in ("NCCL", "MPI", "UCC", "GLOO", "XCCL")
        else ("the names are `nccl` (GPUs), `gloo` (CPU), `mpi` and `ucc`",),
    )
