"""The traces of several ranks, side by side: which is late, in what, by how much; and how they are found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.traces.gpu import Late, ranks
from torchdoctor.diagnose import examine
from torchdoctor.faces.cli import main
from torchdoctor.finding import Finding
from torchdoctor.trace_record import RanksTraceRecord
from torchdoctor.traces.opening import by_rank
from torchdoctor.traces.reading import read


def written(folder: Path, number: int, late: Late | None = None, **more: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for rank, gpu in enumerate(ranks(number, late=late, **more)):  # type: ignore[arg-type]
        gpu.write(folder / f"rank{rank}.1.pt.trace.json", rank, number)
    return folder


def told(folder: Path) -> list[Finding]:
    return examine(RanksTraceRecord(tuple(map(read, by_rank(folder)))))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("input", "the wait for input takes"),
        ("Python", "the GPU has nothing to do for"),
        ("GPU", "the GPU computes for"),
    ],
)
@pytest.mark.parametrize(("number", "slow"), [(2, 1), (4, 2), (8, 0)])
def test_the_late_rank_is_told_with_what_makes_it_late(
    part: str, words: str, number: int, slow: int, tmp_path: Path
) -> None:
    found = told(written(tmp_path, number, lambda rank, step, where: 5000.0 * (rank == slow and where == part)))
    assert [one.rule for one in found] == ["ranks-of-uneven-speed"]
    comes = re.match(rf"rank {slow} comes ([\d.]+) ms a step late", found[0].message)
    assert comes is not None and 4 < float(comes[1]) < 7, found[0].message
    assert any(words in one for one in found[0].evidence)


def test_several_that_are_late_are_all_named(tmp_path: Path) -> None:
    found = told(written(tmp_path, 8, lambda rank, step, where: 5000.0 * (rank >= 6 and where == "input")))
    assert found[0].message.startswith("ranks 6 and 7 come ") and "the other 6 wait" in found[0].message


LATE: dict[str, Late | None] = {
    "nobody": None,
    "a little": lambda rank, step, where: 300.0 * (rank == 1 and where == "input"),
    "in turns": lambda rank, step, where: 5000.0 * (rank == step % 4 and where == "input"),
    "once": lambda rank, step, where: 20000.0 * (rank == 1 and step == 2 and where == "input"),
}


@pytest.mark.parametrize("name", LATE)
def test_no_rank_is_blamed_where_none_is_late_all_the_time(name: str, tmp_path: Path) -> None:
    assert told(written(tmp_path, 4, LATE[name])) == []


def test_other_steps_cannot_be_compared(tmp_path: Path) -> None:
    written(tmp_path, 2, lambda rank, step, where: 5000.0 * (rank == 1 and where == "input"))
    path = tmp_path / "rank1.1.pt.trace.json"
    path.write_text(path.read_text().replace("ProfilerStep#", "ProfilerStep#9"))
    assert told(tmp_path) == []
    told_text = CliRunner().invoke(main, ["profile", "--from", str(tmp_path)]).output
    assert "2 ranks, and no step is in all" in told_text and "cannot be told" in told_text


# -- which files -------------------------------------------------------------------------------------------------------


def test_the_newest_of_each_rank_is_taken_and_an_older_run_of_others_left_out(tmp_path: Path) -> None:
    written(tmp_path / "old", 4)
    written(tmp_path / "before", 2)
    written(tmp_path / "new", 2)
    for age, run in ((300, "old"), (200, "before"), (100, "new")):
        for path in (tmp_path / run).iterdir():
            os.utime(path, (path.stat().st_mtime - age,) * 2)
    assert [(path.parent.name, path.name[:5]) for path in by_rank(tmp_path)] == [("new", "rank0"), ("new", "rank1")]


def test_a_folder_without_several_ranks_has_none(tmp_path: Path) -> None:
    written(tmp_path, 1)
    (tmp_path / "broken.pt.trace.json").write_text('{"distributedInfo": {"rank": 1')
    assert by_rank(tmp_path) == []


# -- as it is told -----------------------------------------------------------------------------------------------------


def test_the_ranks_are_shown_side_by_side_and_the_late_one_in_full(tmp_path: Path) -> None:
    written(tmp_path, 3, lambda rank, step, where: 5000.0 * (rank == 2 and where == "input"))
    shown = CliRunner().invoke(main, ["profile", "--from", str(tmp_path)])
    assert shown.exit_code == 1
    assert "4 steps of 3 ranks" in shown.output and "rank 2 of 3" in shown.output
    assert shown.output.index("rank 2 comes") < shown.output.index("rank 2 of 3")


def test_the_same_as_json(tmp_path: Path) -> None:
    written(tmp_path, 3, lambda rank, step, where: 5000.0 * (rank == 2 and where == "input"))
    document = json.loads(CliRunner().invoke(main, ["profile", "--from", str(tmp_path), "--format", "json"]).output)
    assert [one["rank"] for one in document["ranks"]] == [0, 1, 2] and document["trace"]["rank"] == 2
    assert document["findings"][0]["rule"] == "ranks-of-uneven-speed"
    assert document["ranks"][2]["shares"]["input"] > document["ranks"][0]["shares"]["input"]


_DDP = """
import time, torch
import torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(64, 64))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(14):
    loss = model(torch.randn(8, 64)).sum()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if rank == 1:
        time.sleep(0.08)  # it alone
dist.destroy_process_group()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun with gloo does not run there")
def test_two_real_ranks_on_the_cpu(tmp_path: Path) -> None:
    script, out = tmp_path / "ddp.py", tmp_path / "traces"
    script.write_text(_DDP)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "torchdoctor"]
    done = subprocess.run(
        [*command, "profile", "--out", str(out), str(script)], capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and f"profile --from {out}" in done.stderr, done.stderr
    found = told(out)
    assert [one.rule for one in found] == ["ranks-of-uneven-speed"], done.stderr
    assert found[0].message.startswith("rank 1 comes") and "rank 0 waits" in found[0].message
    assert found[0].at is not None and "time.sleep" in _DDP.splitlines()[found[0].at.line - 1]
