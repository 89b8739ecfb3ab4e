"""Recorded runs, replayed: of one with a flaw that flaw is told first, of a sound one nothing is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchdoctor.diagnose import examine
from torchdoctor.explained import unstylish_words
from torchdoctor.traces.reading import read

RECORDS = Path(__file__).parent.parent / "records" / "traces"
TRACES = sorted(path.name.removesuffix(".json.gz") for path in RECORDS.glob("*.json.gz"))


def trace(name: str) -> Path:
    return RECORDS / f"{name}.json.gz"


def test_enough_is_recorded() -> None:
    sick = [name for name in TRACES if not name.startswith("healthy")]
    assert len(sick) >= 15 and len(TRACES) - len(sick) >= 8


@pytest.mark.parametrize("name", TRACES)
def test_what_is_told_of_it(name: str) -> None:
    found = examine(read(trace(name)))
    told = [(one.rule, one.message) for one in found]
    if name.startswith("healthy"):
        assert told == []
    else:
        assert told and found[0].rule == name.partition("--")[0], told
    assert not [fault for one in found for fault in unstylish_words(one)]


@pytest.mark.parametrize("name", TRACES)
def test_the_parts_are_the_whole(name: str) -> None:
    record = read(trace(name))
    assert len(record.steps) == 3
    for step in record.steps:
        assert sum(step.phases.values()) == pytest.approx(step.wall, rel=1e-3)
    assert sum(one.self_time for one in record.operators) <= record.wall * 1.001


def test_the_line_is_told() -> None:
    record = read(trace("loader-starves-step"))
    place = record.seen_in("input")
    assert place is not None and place.exact and place.path == "tests/traces/scenarios.py"
    line = (RECORDS.parent.parent / "traces" / "scenarios.py").read_text(encoding="utf-8").splitlines()[place.line - 1]
    assert "time.sleep" in line, "record the scenarios again: lines have moved"


def test_a_loader_that_each_step_begins_anew_needs_no_workers() -> None:
    (found, *_) = examine(read(trace("loader-starves-step--begun")))
    assert "keep the iterator" in found.cures[0] and not any("num_workers" in cure for cure in found.cures)


def test_reading_twice_tells_the_same() -> None:
    name = TRACES[0]
    assert read(trace(name)) == read(trace(name))
