"""Traces as they come: every dialect, broken off, broken in the middle, huge, or no traces at all."""

from __future__ import annotations

import gzip
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces.gpu import NEW, OLD, Gpu
from torchdoctor.errors import TorchdoctorError
from torchdoctor.record_json import plain, restored
from torchdoctor.trace_record import TraceRecord
from torchdoctor.traces.events import Events, NoTrace
from torchdoctor.traces.ordering import Ordered
from torchdoctor.traces.reading import read

STEP = {"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#3", "pid": 1, "tid": 1, "ts": 0.0, "dur": 100.0}


def op(name: str, start: Any, length: Any, tid: int = 1, **more: Any) -> dict[str, Any]:
    return {"ph": "X", "cat": "cpu_op", "name": name, "pid": 1, "tid": tid, "ts": start, "dur": length, **more}


def python(name: str, start: float, length: float) -> dict[str, Any]:
    return {**op(name, start, length), "cat": "python_function"}


def record(tmp_path: Path, *events: Any, **metadata: Any) -> TraceRecord:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({**metadata, "traceEvents": list(events)}), encoding="utf-8")
    return read(path)


# -- text to events ----------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    events=st.lists(st.dictionaries(st.text(min_size=1), VALUES, max_size=4), max_size=6),
    before=st.dictionaries(st.text(min_size=1).filter(lambda key: key != "traceEvents"), VALUES, max_size=3),
    piece=st.integers(1, 40),
    indent=st.sampled_from([None, 2]),
)
def test_events_are_those_of_the_json(
    events: list[Any], before: dict[str, Any], piece: int, indent: int | None
) -> None:
    text = json.dumps({**before, "traceEvents": events, "traceName": "x"}, indent=indent)
    found = Events(text[start : start + piece] for start in range(0, len(text), piece))
    assert list(found) == events
    assert found.metadata == {**before, "traceName": "x"} and not found.cut and not found.lost


@given(st.integers(0, 400), st.integers(1, 50))
def test_a_text_that_breaks_off_gives_what_is_whole(end: int, piece: int) -> None:
    events = [op(f"aten::{index}", index, 1.0) for index in range(4)]
    whole = json.dumps({"schemaVersion": 1, "traceEvents": events})
    text = whole[:end]
    found = Events(text[start : start + piece] for start in range(0, len(text), piece))
    try:
        got = list(found)
    except NoTrace:
        assert whole.index("[") >= end - 1
        return
    assert got == events[: len(got)] and (found.cut or end >= len(whole) - 1)


@given(st.text(max_size=200))
def test_any_text_is_events_or_no_trace(text: str) -> None:
    for start in ("", "{", "[", '{"traceEvents": [', '{"traceEvents": [{"ph": "X"},'):
        with suppress(NoTrace):
            list(Events([start + text]))


def test_a_list_of_events_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([STEP, op("aten::add", 10, 20)]))
    assert read(path).operator("aten::add") is not None


def test_broken_events_are_left_out_and_counted(tmp_path: Path) -> None:
    good = json.dumps(op("aten::add", 10, 20))
    path = tmp_path / "broken.json"
    path.write_text(
        f'{{"traceEvents": [{json.dumps(STEP)}, {{"ph": "X", "name": "a "quoted" name", "ts": 1}},\n  {good},\n'
        f'  {{"ph": "X", "cat": "cpu_op", "name": "C:\\Users\\x.py", "pid": 1, "tid": 1, "ts": 40, "dur": 5}}]}}'
    )
    found = read(path)
    assert {one.name for one in found.operators} == {"aten::add", "C:\\Users\\x.py"}
    assert found.lost == ("1 event is no valid JSON",)


# -- files -------------------------------------------------------------------------------------------------------------


def test_compressed_is_read_by_its_content(tmp_path: Path) -> None:
    text = json.dumps({"traceEvents": [STEP, op("aten::add", 10, 20)]})
    path = tmp_path / "no-ending"
    path.write_bytes(gzip.compress(text.encode()))
    assert read(path).operations == 1


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(part: float, tmp_path: Path) -> None:
    whole = Gpu().training(steps=6).write(tmp_path / "whole.json").read_bytes()
    for name, data in (("cut.json", whole), ("cut.json.gz", gzip.compress(whole))):
        path = tmp_path / name
        path.write_bytes(data[: int(len(data) * part)])
        found = read(path)
        assert found.operators and any("breaks off" in lost for lost in found.lost)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"<html>", "it is no JSON"),
        (b"\x80\x04\x95 pickled", "it is no JSON"),
        (b"PK\x03\x04zip", "it is no JSON"),
        (b'{"a": 1}', "without `traceEvents`"),
        (b'{"traceEvents": 3}', "is no list"),
        (b'{"traceEvents": []}', "no events"),
        (b'{"traceEvents": [{"ph": "X", "cat": "v8", "name": "x", "ts": 1, "dur": 2}]}', "none of its events"),
        (b"[1, 2, 3]", "no events"),
        (b"\x1f\x8b\x08\x00broken", "it is empty"),
    ],
)
def test_what_is_no_trace_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(TorchdoctorError, match=r"wrong\.json") as error:
        read(path)
    assert told in str(error.value)


def test_a_folder_gives_its_newest_trace(tmp_path: Path) -> None:
    with pytest.raises(TorchdoctorError, match="holds no trace"):
        read(tmp_path)
    Gpu().training(steps=1).write(tmp_path / "old.1.pt.trace.json")
    new = Gpu().training(steps=2).write(tmp_path / "new.2.pt.trace.json")
    import os

    os.utime(tmp_path / "old.1.pt.trace.json", (1, 1))
    assert read(tmp_path).source == str(new)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TorchdoctorError, match="No such file"):
        read(tmp_path / "none.json")


# -- order -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-9, 0)), max_size=60), st.integers(1, 20))
def test_rows_come_in_order_whatever_fits_into_memory(times: list[tuple[float, float]], part: int) -> None:
    rows = [(start, length, 0, 0, 0, 0, 0) for start, length in times]
    ordered = Ordered(part)
    for row in rows:
        ordered.add(row)
    assert list(ordered) == sorted(rows)
    ordered.close()


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    gpu = Gpu().training(items=3)
    before = read(gpu.write(tmp_path / "trace.json"))
    random.Random(0).shuffle(gpu.events)
    assert read(gpu.write(tmp_path / "trace.json")) == before


# -- sums --------------------------------------------------------------------------------------------------------------


def test_time_is_credited_to_the_innermost(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP, op("aten::linear", 10, 40), op("aten::addmm", 20, 20), python("train.py(3): train", 0, 100)
    )
    own = {one.name: one.self_time for one in found.operators}
    assert own == {"aten::linear": 20.0, "aten::addmm": 20.0}
    assert found.operations == 1 and found.functions[0].self_time == 60.0
    assert found.steps[0].phases == {"forward": 40.0, "other": 60.0}


def test_an_annotation_that_outlives_where_it_began_is_not_cut_short(tmp_path: Path) -> None:
    """``record_function.__enter__`` is left while what it began goes on."""
    step = {**op("Optimizer.step#Adam.step", 12, 50), "cat": "user_annotation"}
    enter, leave = python("torch/autograd/profiler.py(1): __enter__", 10, 5), python("torch/x.py(2): __exit__", 61, 6)
    found = record(tmp_path, STEP, enter, step, op("aten::add_", 20, 30), leave)
    assert found.steps[0].phases["optimizer"] == pytest.approx(49 + 0, abs=1.5)
    act = found.act("step Adam")
    assert act is not None and act.calls == 1 and act.total == 50.0


def test_what_lies_outside_of_steps_does_not_count(tmp_path: Path) -> None:
    found = record(tmp_path, STEP, op("aten::add", -50, 20), op("aten::mul", 90, 20), op("aten::sub", 150, 20))
    own = {one.name: (one.calls, one.self_time) for one in found.operators}
    assert own == {"aten::mul": (1, 10.0)}


def test_without_steps_all_is_one(tmp_path: Path) -> None:
    found = record(tmp_path, op("aten::add", 0, 20), op("aten::mul", 60, 40))
    assert found.whole and found.wall == 100.0 and found.operations == 2


def test_backward_on_the_engines_thread_is_backward(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP, op("aten::mul", 0, 20), op("autograd::engine::evaluate_function: MulBackward0", 30, 50, tid=2)
    )
    assert found.steps[0].phases == {"forward": 20.0, "backward": 50.0, "other": 30.0}


def test_seconds_that_are_words_and_events_without_times_are_passed_over(tmp_path: Path) -> None:
    strange = [
        {**STEP, "ts": "soon"},
        {"ph": "X", "cat": "cpu_op", "name": 3},
        {"ph": "X"},
        7,
        None,
        "x",
        {"ph": ["X"]},
    ]
    found = record(tmp_path, STEP, *strange, op("aten::add", 10, 20, args=[1]), op("aten::mul", "20", "30", args=None))
    assert {one.name for one in found.operators} == {"aten::add", "aten::mul"}


def test_ranks_and_devices_are_told(tmp_path: Path) -> None:
    found = record(
        tmp_path, STEP, op("aten::add", 1, 2), distributedInfo={"backend": "nccl", "rank": 3, "world_size": 8}
    )
    assert (found.rank, found.world) == (3, 8)


@pytest.mark.parametrize("dialect", [NEW, OLD], ids=["2.13", "1.8"])
def test_the_record_goes_through_json(dialect: dict[str, str], tmp_path: Path) -> None:
    found = read(Gpu(dialect).training(items=2).write(tmp_path / "trace.json"))
    assert restored(TraceRecord, json.loads(json.dumps(plain(found)))) == found
