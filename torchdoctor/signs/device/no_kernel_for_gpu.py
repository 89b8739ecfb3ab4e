"""This build of torch has no code for this GPU: the GPU is newer, or older, than what the build was made for."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "{gpu} with CUDA capability {sm:w} is not compatible with the current PyTorch installation",
    "CUDA error: no kernel image is available for execution on the device",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The versions of torch and of its CUDA are known in a live run, and decide."""
    torch, cuda = failure.environment.get("torch"), failure.environment.get("cuda")
    build = (
        f"torch {torch}" + (f" (CUDA {cuda})" if cuda and "+cu" not in str(torch) else "") if torch else "this torch"
    )
    gpu = f"a GPU of capability {said['sm']}" if "sm" in said else "this GPU"
    yield Diagnosis(
        f"{build} was built without code for {gpu}",
        cures=(
            "a newer GPU needs a newer build: `pip install -U torch --index-url "
            "https://download.pytorch.org/whl/cu128` "
            "(Blackwell, sm_100 and sm_120: torch 2.7 and CUDA 12.8 or later)",
            "an older GPU needs an older build: one whose `torch.cuda.get_arch_list()` has its capability",
            "an extension (flash-attn, apex, bitsandbytes): build it with `TORCH_CUDA_ARCH_LIST` set to this "
            "GPU's capability",
        ),
        evidence=("`torch.cuda.get_device_capability()` and `torch.cuda.get_arch_list()` show both sides",),
    )
