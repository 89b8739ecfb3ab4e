"""The record while it is made: bounded, on disk at each flush, and in memory alone where the disk is full."""

from __future__ import annotations

import os
from dataclasses import astuple
from pathlib import Path

import pytest

from torchdoctor.probes import journal
from torchdoctor.probes.journal import Journal
from torchdoctor.step_lines import read
from torchdoctor.step_record import PauseRecord, SampleRecord, StepRecord, WatchRecord


def fed(path: Path | None, number: int, told: list[str]) -> Journal:
    one = Journal(path, WatchRecord(program="train.py"), told.append)
    for step in range(1, number + 1):
        one.lay("step", astuple(StepRecord(step, at=step, seconds=1.0)))
        if step % 100 == 0:
            one.flush()
    one.flush()
    return one


def test_what_was_flushed_is_there_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rank0.jsonl"
    fed(path, 250, [])
    assert len(read(path.open()).steps) == 250


def test_a_long_run_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "WHOLE", 50)
    monkeypatch.setattr(journal, "MERGED", 50)
    monkeypatch.setattr(journal, "_LONGEST", 200)
    path = tmp_path / "rank0.jsonl"
    told: list[str] = []
    one = fed(path, 10_000, told)
    one.lay("end", {"ended": "finished"})
    one.flush()
    found = read(path.open())
    assert told == [] and found.steps == tuple(one.steps) and found.ended == "finished"
    assert len(path.read_text().splitlines()) <= 310
    assert sum(step.steps for step in found.steps) == found.count == 10_000
    assert os.listdir(tmp_path) == ["rank0.jsonl"]


def test_samples_and_pauses_are_bounded(tmp_path: Path) -> None:
    one = Journal(None, WatchRecord(), print)
    for number in range(20_000):
        one.lay("sample", SampleRecord(float(number)))
        one.lay("pause", PauseRecord(float(number), float(number % 1000), "validation"))
    one.flush()
    assert len(one.samples) <= 4096 and len(one.pauses) <= 512
    assert one.samples[-1].at == 19_999 and max(pause.seconds for pause in one.pauses) == 999
    assert [pause.at for pause in one.pauses] == sorted(pause.at for pause in one.pauses)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_once_and_the_record_goes_on() -> None:
    told: list[str] = []
    one = fed(Path("/dev/full"), 300, told)
    assert len(told) == 1 and "No space left" in told[0] and "in memory only" in told[0]
    assert len(one.whole().steps) == 300 and "could not be written" in one.whole().missing[0]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    one = fed(tmp_path / "file" / "rank0.jsonl", 10, told)
    assert len(told) == 1 and one.whole().count == 10


def test_a_forked_process_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "rank0.jsonl"
    one = fed(path, 10, [])
    size = path.stat().st_size
    one.lay("step", astuple(StepRecord(11)))
    one.forget()
    one.lay("step", astuple(StepRecord(12)))
    one.flush()
    assert path.stat().st_size == size
