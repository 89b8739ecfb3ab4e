"""What is told of failures on a GPU, from the texts that users have met: no GPU is needed to explain them."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.explained import unstylish_words
from torchdoctor.record import ExceptionRecord, Failure

ASSERT = (
    "../aten/src/ATen/native/cuda/Loss.cu:250: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], thread: [4,0,0] "
    "Assertion `t >= 0 && t < n_classes` failed.\nRuntimeError: CUDA error: device-side assert triggered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call"
)
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device"
BLACKWELL = (
    "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
)
CREATE = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
GEMM = "CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm( handle, opa, opb, m, n, k, &alpha, a, lda)`"
FORKED = (
    "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must "
    "use the 'spawn' start method"
)

TEXTS = [
    (ASSERT, "device-side-assert", "a class in the target is below 0, or beyond the scores", "on the CPU"),
    ("CUDA error: device-side assert triggered", "device-side-assert", "the line that is reported came later", "CPU"),
    (
        "CUDA error: an illegal memory access was encountered",
        "illegal-memory-access",
        "a kernel went beyond",
        "BLOCKING",
    ),
    ("CUDA error: misaligned address", "illegal-memory-access", "misaligned address", "BLOCKING"),
    (NO_KERNEL, "no-kernel-for-gpu", "without code for this GPU", "newer build"),
    (BLACKWELL, "no-kernel-for-gpu", "sm_120", "torch 2.7"),
    ("CUDA error: invalid device ordinal", "no-such-gpu", "sees no GPU of that number", "`cuda:0` is the first"),
    (CREATE, "cublas-failure", "the GPU is full, or a kernel before this one", "on the CPU"),
    (GEMM, "cublas-failure", "INVALID_VALUE", "on the CPU"),
    ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear", "cudnn-failure", "NOT_SUPPORTED", "memory"),
    ("Unable to find a valid cuDNN algorithm to run convolution", "cudnn-failure", "workspace", "memory"),
    (FORKED, "cuda-in-forked-process", "a forked process touches the GPU", "spawn"),
]


def failure(text: str, **more: object) -> Failure:
    return Failure(ExceptionRecord("RuntimeError", text, ("Exception",)), blame="torch", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "rule", "message", "cure"), TEXTS)
def test_a_text_alone(text: str, rule: str, message: str, cure: str) -> None:
    found = diagnose(failure(text))
    assert [finding.rule for finding in found] == [rule]
    assert message in found[0].message
    assert any(cure in one for one in found[0].cures), found[0].cures
    assert not list(unstylish_words(found[0]))


def test_a_worker_of_the_loader_is_told_from_other_processes() -> None:
    found = diagnose(failure(FORKED, worker=0))
    assert "a worker of the DataLoader" in found[0].message
    assert "`x = x.to(device)`" in found[0].cures[0]


def test_the_visible_gpus_are_counted() -> None:
    found = diagnose(failure("CUDA error: invalid device ordinal", environment={"CUDA_VISIBLE_DEVICES": "2,3"}))
    assert "`CUDA_VISIBLE_DEVICES=2,3` shows it 2" in found[0].message


def test_the_versions_decide_whether_a_build_fits() -> None:
    found = diagnose(failure(NO_KERNEL, environment={"torch": "2.5.1+cu121", "cuda": "12.1"}))
    assert "torch 2.5.1+cu121 was built without code" in found[0].message
