"""Records of steps: merged, thinned, written as lines and read back from a file that breaks off."""

from __future__ import annotations

import json

import pytest

from torchdoctor.step_lines import head, line, read, written
from torchdoctor.step_record import (
    HolderRecord,
    LoaderRecord,
    PauseRecord,
    SampleRecord,
    StepRecord,
    WatchRecord,
    merged,
    thinned,
)


def steps(number: int) -> list[StepRecord]:
    return [StepRecord(n, at=n / 8, seconds=0.1, input=0.02, peak=n % 7, rss=n, loss=1.0) for n in range(1, number + 1)]


RECORD = WatchRecord(
    program="train.py",
    rank=1,
    world=2,
    started=1.5,
    seconds=3.0,
    ended="raised ValueError",
    boundary="optimizer",
    count=3,
    steps=tuple(steps(3)),
    samples=(SampleRecord(0.5, rss=7, gpu=3.5),),
    pauses=(PauseRecord(0.1, 0.2, "validation", 2),),
    holders=(HolderRecord("losses", "list", path="a.py", line=3, graph=True),),
    loader=LoaderRecord("Images", 2),
    missing=("x is not known",),
)


def test_two_steps_as_one() -> None:
    one = merged(StepRecord(1, at=0.1, seconds=0.1, pause=0.05, peak=5, allocated=2, shape="1x2"), StepRecord(2, at=0.4,
                 seconds=0.3, peak=3, shape="1x3", graphs=1))  # fmt: skip
    assert (one.number, one.steps, one.at, one.seconds, one.peak, one.allocated) == (2, 2, 0.4, 0.4, 5, 2)
    assert one.shape == "various" and one.slowest == 0.3 and one.graphs == 1
    assert one.working == pytest.approx(0.175)


@pytest.mark.parametrize("number", [10, 5000, 100_000])
def test_thinned_records_keep_all_steps_and_the_last_ones_whole(number: int) -> None:
    kept = thinned(steps(number), 100, 50)
    assert sum(one.steps for one in kept) == number and len(kept) <= max(151, 10)
    assert [one.number for one in kept[-100:]] == list(range(max(number - 99, 1), number + 1))
    assert max(one.steps for one in kept) <= max(4 * number / 50, 1)


def test_thinning_again_and_again_leaves_the_beginning_as_fine_as_the_rest() -> None:
    kept: list[StepRecord] = []
    for one in steps(20_000):
        kept.append(one)
        if len(kept) > 300:
            kept = thinned(kept, 100, 100)
    old = [one.steps for one in kept[:-300]]
    assert sum(one.steps for one in kept) == 20_000 and max(old, default=1) < 8 * 20_000 / 100
    assert sum(one.seconds for one in kept) == pytest.approx(2000)


def test_lines_and_back() -> None:
    assert read(written(RECORD)) == RECORD


def test_what_is_appended_later_counts() -> None:
    rows = [head(WatchRecord(program="a.py")), line("loader", LoaderRecord("Images", 2))]
    rows += [line("step", one) for one in steps(3)]
    rows += [line("reset", {"boundary": "optimizer"}), line("step", steps(1)[0])]
    rows += [line("missing", {"text": "no GPU"}), line("end", {"ended": "finished", "seconds": 2.0})]
    found = read(rows)
    assert [one.number for one in found.steps] == [1] and found.boundary == "optimizer"
    assert found.loader == LoaderRecord("Images", 2)
    assert (found.ended, found.seconds, found.missing) == ("finished", 2.0, ("no GPU",))


def test_a_file_that_breaks_off_in_a_line() -> None:
    text = "".join(written(RECORD)).replace("raised ValueError", "")
    cut = text[: text.rindex("losses")].splitlines(keepends=True)
    found = read(cut)
    assert len(found.steps) == 3 and found.holders == () and found.ended == "" and found.missing == RECORD.missing


def test_a_file_with_rubbish_in_it_says_so() -> None:
    rows = [*written(RECORD), "rubbish\n", "[]\n", '{"record": "step"}\n', "\x00\n"]
    assert read(rows).missing[-1] == "4 lines of the record cannot be read" and len(read(rows).steps) == 3


@pytest.mark.parametrize("text", ["", "hello\n", "{}\n", line("step", steps(1)[0])])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no record of a watched run"):
        read(text.splitlines(keepends=True))


def test_lines_are_json_that_any_parser_reads() -> None:
    row = line("step", StepRecord(1, loss=float("nan"), seconds=1 / 3))
    assert json.loads(row)["loss"] == "nan" and "0.333333," in row.replace("}", ",")
