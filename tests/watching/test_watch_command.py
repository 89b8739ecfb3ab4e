"""``torchdoctor watch``: text, drawings, JSON, pictures; in pipes, narrow, and without colours."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from torchdoctor.faces.charts import charts
from torchdoctor.faces.cli import main
from torchdoctor.faces.cli.run import split
from torchdoctor.faces.paint import Paint, cells
from torchdoctor.faces.svg import picture
from torchdoctor.faces.watched import judged, verdict
from torchdoctor.faces.watched_files import others
from torchdoctor.step_lines import line, written
from torchdoctor.step_record import HolderRecord, PauseRecord, SampleRecord, StepRecord, WatchRecord


def record(
    number: int = 200, *, leaks: bool = False, rank: int = 0, world: int = 1, forward: float = 0.04
) -> WatchRecord:
    steps = tuple(
        StepRecord(
            n,
            at=n / 10,
            seconds=0.1,
            input=0.01,
            forward=forward,
            backward=0.088 - forward,
            optimizer=0.002,
            batches=1,
            backwards=1,
            shape="4x3",
            rss=(300 + (n if leaks else 0)) << 20,
            graphs=n if leaks else 1,
            loss=1 / n,
        )
        for n in range(1, number + 1)
    )
    return WatchRecord(
        program="train.py",
        rank=rank,
        world=world,
        started=1000.0,
        seconds=number / 10,
        ended="finished",
        boundary="optimizer",
        cpus=8,
        count=number,
        steps=steps,
        samples=(SampleRecord(1.0, rss=300 << 20, gpu=50.0),),
        pauses=(PauseRecord(0.0, 1.5, "start", 1), PauseRecord(5.0, 2.0, "validation", 50)),
        holders=(HolderRecord("losses", "list", first=4, last=12, tensors=True, graph=True, number=20),)
        if leaks
        else (),
    )


def folder(path: Path, *records: WatchRecord) -> Path:
    for one in records:
        path.mkdir(exist_ok=True)
        (path / f"rank{one.rank}.jsonl").write_text("".join(written(one)))
    return path


def shown(*arguments: str, **environment: str) -> Result:
    result = CliRunner(env={"COLUMNS": "100", **environment}).invoke(main, ["watch", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_healthy_run(tmp_path: Path) -> None:
    done = shown(str(folder(tmp_path / "run", record())))
    assert done.exit_code == 0 and "watched: train.py, 200 steps in 20 s; finished" in done.output
    assert "input wait 10 ms (10%), forward 40 ms (40%)" in done.output
    assert "between the steps: validation 2 s, start 1.5 s" in done.output
    assert "nothing stands out in it" in done.output and "time of a step, up to 100 ms" in done.output
    assert "\x1b" not in done.output


def test_a_sick_run_ends_with_1(tmp_path: Path) -> None:
    done = shown(str(folder(tmp_path / "run", record(leaks=True))))
    assert done.exit_code == 1 and "[memory-grows-over-steps]: `losses` keeps a tensor" in done.output


def test_as_json(tmp_path: Path) -> None:
    done = shown("--format", "json", str(folder(tmp_path / "run", record(leaks=True))))
    told = json.loads(done.output)
    assert told["findings"][0]["rule"] == "memory-grows-over-steps" and told["findings"][0]["cures"]
    assert len(told["ranks"][0]["steps"]) == 200 and done.exit_code == 1


@pytest.mark.parametrize("width", [40, 60, 100, 200])
@pytest.mark.parametrize("plain", [False, True])
def test_drawings_fit(width: int, plain: bool) -> None:
    drawn = charts(record(300, leaks=True), Paint(False, width), plain=plain)
    assert drawn and max(cells(row) for row in drawn.splitlines()) <= width
    assert not plain or drawn.isascii()
    legend = "\n".join(drawn.splitlines()[-5:])
    phases = dict(re.findall(r"(\S) (input|forward|backward|optimizer)", legend))
    assert len(phases) == 4, "each phase has a mark of its own: no colour is needed to tell them apart"
    body = drawn[: drawn.index(" input")]
    assert all(mark in body for mark, name in phases.items() if name != "optimizer")


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    run = str(folder(tmp_path / "run", record()))
    assert "\x1b[" in shown("--color", "always", run).output
    assert "\x1b[" not in shown(run, NO_COLOR="1", FORCE_COLOR="1").output


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_short_records_are_shown(tmp_path: Path, number: int) -> None:
    one = replace(record(5), steps=record(5).steps[:number], count=number)
    done = shown(str(folder(tmp_path / "run", one)), "--svg", str(tmp_path / "run.svg"))
    assert done.exit_code == 0 and ("too few steps" if number else "no step was seen") in done.output
    xml.parse(tmp_path / "run.svg")


def test_the_picture_is_svg(tmp_path: Path) -> None:
    one = replace(record(leaks=True), program="a<b>&.py")
    text = picture(one, ["`x` grows & <grows>"])
    root = xml.fromstring(text)
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names.count("polygon") == 5 and names.count("polyline") == 1
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "`x` grows & <grows>" in words and any("a<b>&.py" in (word or "") for word in words)


def test_ranks_side_by_side(tmp_path: Path) -> None:
    slow = record(rank=1, world=2, forward=0.08)
    done = shown(str(folder(tmp_path / "run", record(world=2), slow)))
    assert "rank 1 is 40 ms a step behind" in done.output and "[ranks-of-uneven-speed]" in done.output
    alone = shown(str(folder(tmp_path / "alone", record(world=2))))
    assert "no record of rank 1 lies in this folder" in alone.output


def test_rank_0_reads_the_others_of_this_run_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdoctor.faces.watched_files._PATIENCE_S", 0.0)
    old = replace(record(rank=2, world=3), started=5.0)
    folder(tmp_path, record(rank=1, world=3), old)
    found = others(tmp_path, record(world=3))
    assert [one.rank for one in found] == [0, 1]
    assert others(tmp_path, record(rank=1, world=3)) == [] == others(None, record(world=3))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "is not there"),
        ({"other.txt": "x"}, "holds no record"),
        ({"rank0.jsonl": "hello\n"}, "no record of a watched run"),
        ({"rank0.jsonl": ""}, "no record of a watched run"),
    ],
)
def test_what_is_no_record_is_refused_in_words(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text(text)
    done = shown(str(tmp_path / "run"))
    assert done.exit_code == 2 and said in done.output and done.output.startswith("error: ")


def test_following_ends_with_the_run(tmp_path: Path) -> None:
    done = shown("--follow", str(folder(tmp_path / "run", record())))
    assert done.exit_code == 0 and done.output.count("watched:") == 1


def test_a_run_that_breaks_off(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", replace(record(), ended=""))
    with (run / "rank0.jsonl").open("a") as file:
        file.write(line("step", StepRecord(201, at=20.1))[:20])
    done = shown(str(run / "rank0.jsonl"))
    assert "breaks off (killed, or it still runs)" in done.output and "cannot be read" not in done.output


def test_what_all_ranks_have_is_told_once() -> None:
    ranks = [record(leaks=True, world=2), record(leaks=True, world=2, rank=1)]
    found = judged(ranks)
    assert [one.rule for one in found] == ["memory-grows-over-steps"] and found[0].evidence[-1] == "on every rank"
    assert "on every rank" in verdict(ranks, found, Paint(), None)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("--watch train.py --lr 1", ["--watch=", "--", "train.py", "--lr", "1"]),
        ("--watch -m pkg.train", ["--watch=", "-m", "pkg.train", "--"]),
        ("--watch runs/x -m pkg.train a", ["--watch=runs/x", "-m", "pkg.train", "--", "a"]),
        ("--watch=runs/x train.py", ["--watch=runs/x", "--", "train.py"]),
        ("--report r.json --watch train.py", ["--report", "r.json", "--watch=", "--", "train.py"]),
        ("train.py --watch x", ["--", "train.py", "--watch", "x"]),
        ("--watch", ["--watch="]),
    ],
)
def test_the_folder_may_be_left_out(given: str, parts: list[str]) -> None:
    assert split(given.split()) == parts


def test_the_folder_before_a_program_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    (tmp_path / "job").touch()
    assert split(["--watch", "runs/x", "train.py"]) == ["--watch=runs/x", "--", "train.py"]
    assert split(["--watch", "job", "x"]) == ["--watch=", "--", "job", "x"]
