"""What a stretch of time, a call and a look at the program's line are credited to."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.traces.test_reading import op, python, record
from torchdoctor.probes.lines import Lines

STEP = {"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#3", "pid": 1, "tid": 1, "ts": 0.0, "dur": 10_000.0}
GRAPH: dict[str, Any] = {"args": {"Sequence number": 7}}


def launch(start: float) -> list[dict[str, Any]]:
    call = {**op("cudaLaunchKernel", start, 5), "cat": "cuda_runtime", "args": {"correlation": 9}}
    return [call, {**op("gemm", start + 20, 50, tid=7), "cat": "kernel", "pid": 0, "args": {"correlation": 9}}]


def seen(*looks: tuple[float, int, str], path: str = "/w/train.py") -> dict[str, Any]:
    places = [[path, line, function] for _, line, function in looks]
    return {"torchdoctor": {"places": places, "samples": [[time, i] for i, (time, _, _) in enumerate(looks)]}}


def test_what_the_cpu_computes_is_what_no_operator_made_and_no_gpu_had_a_part_in(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP,
        op("aten::randn", 10, 500), op("aten::normal_", 20, 480),
        op("aten::mul", 600, 100), *launch(620),
        op("MulBackward0", 800, 100), op("aten::neg", 810, 50),
    )  # fmt: skip
    hosts = {one.name: one.host for one in found.operators}
    assert hosts == {"aten::randn": 500, "aten::normal_": 0, "aten::mul": 0, "MulBackward0": 0, "aten::neg": 0}


def test_a_model_that_records_nothing_for_backward_is_inference(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP,
        python("nn.Module: Net_0", 10, 100), op("aten::linear", 20, 50, **GRAPH),
        python("nn.Module: Net_0", 200, 80), python("nn.Module: Linear_0", 205, 60), op("aten::linear", 210, 50),
    )  # fmt: skip
    forward, inference = found.act("forward"), found.act("inference")
    assert forward is not None and (forward.calls, forward.total) == (2, 180)
    assert inference is not None and (inference.calls, inference.total) == (1, 80)


def test_what_a_function_calls_is_told_by_pythons_own_time_in_it(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP,
        python("train.py(5): log", 0, 1000), python("json/__init__.py(183): dumps", 100, 700),
        python("json/encoder.py(183): encode", 110, 680), python("<built-in function len>", 900, 10),
        python("train.py(90): own", 920, 50), python("<built-in method tolist of Tensor object at 0x7f>", 930, 20),
    )  # fmt: skip
    log = next(one for one in found.functions if one.name.endswith("log"))
    assert (log.self_time, log.callee, log.callee_time) == (950, "dumps, json/__init__.py", 700)
    own = next(one for one in found.functions if one.name.endswith("own"))
    assert (own.callee, own.callee_time) == ("tolist", 20)


def test_what_printing_reads_is_a_part_of_printing(tmp_path: Path) -> None:
    item = "<built-in method item of Tensor object at 0x7f>"
    found = record(
        tmp_path, STEP, python("<built-in function print>", 0, 100), python(item, 10, 20), python(item, 200, 30)
    )
    read, printed = found.act("item"), found.act("print")
    assert read is not None and (read.calls, read.total) == (1, 30)
    assert printed is not None and (printed.calls, printed.total) == (1, 100)


@pytest.mark.parametrize(
    ("look", "function", "exact"), [(3100, "step", True), (9000, "step", False), (3100, "f", False)]
)
def test_an_act_that_lets_nobody_look_is_told_by_the_look_right_after_it(
    look: float, function: str, exact: bool, tmp_path: Path
) -> None:
    found = record(
        tmp_path, STEP, python("train.py(5): step", 0, 9500),
        python("<built-in method tolist of Tensor object at 0x7f>", 100, 2900), **seen((look, 17, function)),
    )  # fmt: skip
    act = found.act("list")
    assert act is not None and act.place is not None and act.place.exact is exact


def test_modules_and_functions_have_the_line_that_was_seen_while_they_ran(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP, python("train.py(5): step", 0, 5000), python("nn.Module: Net_0", 100, 900),
        op("aten::linear", 200, 500), **seen((300, 8, "step"), (3000, 9, "step")),
    )  # fmt: skip
    assert [str(one.place) for one in found.modules] == ["train.py:8"]
    assert [str(one.place) for one in found.functions] == ["train.py:9"]


def test_what_runs_in_backward_too_is_told_by_its_line_in_forward(tmp_path: Path) -> None:
    backward = python("torch/_tensor.py(500): backward", 2000, 5000)
    places = seen((150, 8, "step"), (2200, 9, "step"), (2300, 9, "step"), (3100, 9, "step"))
    found = record(
        tmp_path, STEP, op("aten::copy_", 100, 500), backward, op("aten::copy_", 2100, 500), op("aten::mm", 3000, 400),
        **places,
    )  # fmt: skip
    assert {one.name: str(one.place) for one in found.operators} == {
        "aten::copy_": "train.py:8",
        "aten::mm": "train.py:9",
    }


def test_what_convolutions_lay_out_anew_for_themselves_is_no_layout_of_the_users(tmp_path: Path) -> None:
    strides = {"Input type": ["float", "float"], "Input Dims": [[8, 8], [8, 8]], "Input Strides": [[8, 1], [1, 8]]}
    found = record(
        tmp_path, STEP, op("aten::copy_", 10, 100, args=strides),
        op("aten::convolution_backward", 200, 500), op("aten::clone", 210, 400),
        op("aten::copy_", 220, 300, args=strides),
    )  # fmt: skip
    copies = found.operator("aten::copy_")
    assert copies is not None and copies.dtypes == {"layout float32": 100, "inner float32": 300}


# -- looking -----------------------------------------------------------------------------------------------------------


def test_threads_take_turns_as_before_when_nobody_looks_any_more() -> None:
    before = sys.getswitchinterval()
    lines = Lines()
    lines.start()
    assert sys.getswitchinterval() < before
    lines.stop()
    lines.stop()
    assert sys.getswitchinterval() == pytest.approx(before)


def test_what_the_program_says_of_turns_stays() -> None:
    before = sys.getswitchinterval()
    lines = Lines()
    lines.start()
    try:
        sys.setswitchinterval(0.02)
        lines.stop()
        assert sys.getswitchinterval() == pytest.approx(0.02)
    finally:
        lines.stop()
        sys.setswitchinterval(before)


def test_a_comprehension_is_a_part_of_its_function() -> None:
    lines = Lines()
    lines.start()
    try:
        while not lines.samples and threading.active_count():
            [sum(range(400)) for _ in range(400)]
    finally:
        lines.stop()
    names = {lines.places[lines.stacks[index][0]][2] for _, index in lines.samples}
    assert names == {"test_a_comprehension_is_a_part_of_its_function"}
