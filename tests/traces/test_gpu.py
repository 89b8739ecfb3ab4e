"""What is told of traces with a GPU, of which the times are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.traces.gpu import FLAWS, GEMM, NEW, OLD, ROCM, Gpu
from torchdoctor.diagnose import examine
from torchdoctor.traces.reading import read

DIALECTS = pytest.mark.parametrize("dialect", [NEW, OLD, ROCM], ids=["2.13", "1.8", "ROCm"])


@DIALECTS
@pytest.mark.parametrize("rule", FLAWS)
def test_a_flaw_is_told_first(rule: str, dialect: dict[str, str], tmp_path: Path) -> None:
    record = read(Gpu(dialect).training(**FLAWS[rule]).write(tmp_path / "trace.json"))
    found = examine(record)
    assert found and found[0].rule == rule, [(one.rule, one.message) for one in found]


@DIALECTS
@pytest.mark.parametrize("sound", [{}, {"layers": 80}, {"took": 200.0}, {"reduce": 200.0}], ids=str)
def test_nothing_is_told_of_a_sound_run(sound: dict[str, Any], dialect: dict[str, str], tmp_path: Path) -> None:
    record = read(Gpu(dialect).training(**sound).write(tmp_path / "trace.json"))
    assert [(one.rule, one.message) for one in examine(record)] == []


def test_a_wait_that_costs_nothing_is_told_as_such(tmp_path: Path) -> None:
    gpu = Gpu()
    for _ in range(4):
        with gpu.step():
            gpu.item()  # of the step before, while the GPU has nothing to do anyway
            for _ in range(60):
                gpu.launch("aten::addmm", GEMM, 100.0)
    record = read(gpu.write(tmp_path / "trace.json"))
    assert sum(sync.calls for sync in record.syncs) == 4
    assert "sync-stalls-step" not in {one.rule for one in examine(record)}


def test_the_sums_are_those_of_the_play(tmp_path: Path) -> None:
    gpu = Gpu()
    with gpu.step():
        gpu.launch("aten::addmm", GEMM, 100.0)  # at the host's 1000: called 2, launched 5, 2 on the way, 1 to return
        gpu.host(500.0)
        gpu.launch("aten::addmm", GEMM, 50.0)
        gpu.host(200.0)
    record = read(gpu.write(tmp_path / "trace.json"))
    (step,) = record.steps
    assert step.wall == pytest.approx(8 + 500 + 8 + 200)
    assert step.busy == step.computing == pytest.approx(150.0)
    assert record.idle == pytest.approx(1 - 150 / 716)
    (operator,) = record.operators
    assert (operator.name, operator.calls) == ("aten::addmm", 2) and operator.kernels == pytest.approx(150.0)
    (kernel,) = record.kernels
    assert (kernel.family, kernel.tensor_cores, kernel.dtype) == ("matmul", True, "bfloat16")
    assert record.launches == 2 and record.devices == ("NVIDIA A100-SXM4-40GB",) and record.capability == 8.0
    assert step.phases["forward"] == pytest.approx(16.0) and step.phases["other"] == pytest.approx(700.0)


@DIALECTS
def test_a_kernel_is_known_by_the_operator_that_started_it(dialect: dict[str, str], tmp_path: Path) -> None:
    record = read(Gpu(dialect).training(steps=1).write(tmp_path / "trace.json"))
    assert {one.operator for one in record.kernels if one.family == "matmul"} == {"aten::mm"}
    assert record.devices == ("NVIDIA A100-SXM4-40GB",) and record.capability == 8.0


def test_what_runs_at_once_counts_once(tmp_path: Path) -> None:
    gpu = Gpu()
    with gpu.step():
        gpu.launch("aten::addmm", GEMM, 300.0)
        gpu.launch("record_param_comms", "ncclDevKernel_AllReduce_Sum_f32_RING_LL", 400.0, stream=20)
        gpu.host(1000.0)
    record = read(gpu.write(tmp_path / "trace.json"))
    (step,) = record.steps
    assert step.communicating == pytest.approx(400.0)
    assert step.busy == pytest.approx(408.0)  # the second began 8 after the first
    assert step.exposed == pytest.approx(108.0)
