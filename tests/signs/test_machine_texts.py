"""What a machine has to have, or to lack, for it to be raised: records made by hand, in torch's own words."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.record import ExceptionRecord, Failure, FrameRecord
from torchdoctor.style import unstylish

CPU = {"torch": "2.13.0+cpu", "cuda": None, "platform": "linux"}
CUDA = {"torch": "2.13.0+cu130", "cuda": "13.0", "platform": "linux"}


class Case(NamedTuple):
    """An exception, the machine it was raised on, and what has to be told: the rule, parts of message and cure."""

    kind: str
    text: str
    environment: dict[str, Any]
    rule: str
    message: str
    cure: str


def told(kind: str, text: str, environment: dict[str, Any]) -> tuple[str, str, str]:
    """The rule, the message and the cures of what is told first."""
    bases = ("RuntimeError",) if kind in ("AcceleratorError", "NotImplementedError") else ("Exception",)
    failure = Failure(ExceptionRecord(kind, text, bases), origin="live", blame="torch", environment=environment)
    found = diagnose(failure)
    assert found, "nothing is told of it"
    assert not [wrong for one in found for wrong in (unstylish(one.message),) if wrong]
    return found[0].rule, found[0].message, "; ".join(found[0].cures)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "AssertionError",
            "Torch not compiled with CUDA enabled",
            CPU,
            "torch-without-cuda",
            "2.13.0+cpu is a build without",
            "whl/cu",
        ),
        Case(
            "AssertionError",
            "Torch not compiled with CUDA enabled",
            {**CPU, "platform": "darwin"},
            "torch-without-cuda",
            "without CUDA",
            "'mps'",
        ),
        Case(
            "RuntimeError",
            "Cannot access accelerator device when none is available.",
            CUDA,
            "torch-without-cuda",
            "built for CUDA 13.0, and finds no GPU",
            "nvidia-smi",
        ),
        Case(
            "RuntimeError",
            "PyTorch is not linked with support for mps devices",
            CPU,
            "torch-without-cuda",
            "no mps device",
            "'cpu'",
        ),
        Case(
            "RuntimeError",
            "Found no NVIDIA driver on your system.",
            CUDA,
            "no-nvidia-driver",
            "there is no NVIDIA driver",
            "--gpus all",
        ),
        Case(
            "RuntimeError",
            "The NVIDIA driver on your system is too old (found version 11040).",
            CUDA,
            "no-nvidia-driver",
            "CUDA 11.4",
            "a torch for CUDA 11.4",
        ),
        Case(
            "AcceleratorError",
            "CUDA driver version is insufficient for CUDA runtime version",
            CUDA,
            "no-nvidia-driver",
            "built for CUDA 13.0",
            "a newer driver",
        ),
        Case(
            "RuntimeError",
            "No CUDA GPUs are available",
            {**CUDA, "CUDA_VISIBLE_DEVICES": ""},
            "no-nvidia-driver",
            "CUDA_VISIBLE_DEVICES is ''",
            "nvidia-smi -L",
        ),
        Case(
            "RuntimeError",
            "Numpy is not available",
            {"torch": "2.2.2", "numpy": "2.1.0"},
            "numpy-not-available",
            "torch 2.2.2 was built for another major version of NumPy than NumPy 2.1.0",
            "numpy<2",
        ),
        Case(
            "RuntimeError",
            "Numpy is not available",
            {"torch": "2.6.0"},
            "numpy-not-available",
            "not installed",
            "pip install numpy",
        ),
        Case(
            "RuntimeError",
            "Expected a 'cuda' device type for generator but found 'cpu'",
            CUDA,
            "generator-device-mismatch",
            "draws on cpu",
            "torch.Generator(device='cuda')",
        ),
        Case(
            "RuntimeError",
            "Attempting to deserialize object on CUDA device 3 but torch.cuda.device_count() is 1.",
            CUDA,
            "load-without-map-location",
            "CUDA device 3, and there is 1",
            "map_location='cpu'",
        ),
        Case(
            "NotImplementedError",
            "\"addmm_impl_cpu_\" not implemented for 'Half'",
            {},
            "no-kernel-for-dtype",
            "float16",
            "x.float()",
        ),
        Case(
            "RuntimeError",
            "\"slow_conv2d_cpu\" not implemented for 'Half'",
            {},
            "no-kernel-for-dtype",
            "float16",
            "x.float()",
        ),
        Case(
            "RuntimeError",
            "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'",
            {},
            "integers-into-float-function",
            "int64",
            ".float()",
        ),
        Case(
            "RuntimeError",
            "\"bitwise_and_cuda\" not implemented for 'Float'",
            {},
            "bitwise-on-floats",
            "float32",
            ".bool()",
        ),
    ],
)
def test_the_text_and_the_machine(case: Case) -> None:
    rule, message, cures = told(case.kind, case.text, case.environment)
    assert rule == case.rule
    assert case.message in message
    assert case.cure in cures


def test_a_text_with_many_causes_is_left_alone() -> None:
    failure = Failure(
        ExceptionRecord("RuntimeError", "expected scalar type Long but found Float", ("Exception",)), blame="torch"
    )
    assert all(found.rule != "float-target-to-cross-entropy" for found in diagnose(failure))


def test_a_loader_that_shuffles_on_another_device() -> None:
    place = "/env/lib/python3.12/site-packages/torch/utils/data/sampler.py"
    frames = (
        FrameRecord("train.py", 8, "<module>", "for batch in loader:"),
        FrameRecord(place, 160, "RandomSampler.__iter__", "yield from torch.randperm(n, generator=generator)", "torch"),
    )
    text = "Expected a 'cuda' device type for generator but found 'cpu'"
    failure = Failure(ExceptionRecord("RuntimeError", text, ("Exception",)), frames, origin="live", blame="torch")
    (found,) = diagnose(failure)
    assert found.rule == "generator-device-mismatch"
    assert "the loader shuffles" in found.message
    assert found.at is not None and found.at.line == 8
