"""``torchdoctor.profile`` and ``torchdoctor profile``: the window, the files, the verdict, and that nothing changes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import torchdoctor
from tests.traces.gpu import Gpu
from torchdoctor.faces.cli import main
from torchdoctor.traces.reading import read

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import sys
import time
import torch

def train():
    model = torch.nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for turn in range(int(sys.argv[1])):
        time.sleep(0.002)
        optimizer.zero_grad()
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()

train()
print("out", sys.argv[1:], __name__)
if "fail" in sys.argv:
    raise ValueError("mine")
sys.exit(int(sys.argv[2]))
"""


def loop(turns: int, prof: Any = None, at: int = -1, optimizer: bool = True) -> None:
    model = nn.Linear(8, 4)
    stepped = torch.optim.SGD(model.parameters(), lr=0.1)
    for turn in range(turns):
        stepped.zero_grad()
        model(torch.randn(4, 8)).sum().backward()
        if turn == at:
            raise KeyError("mine")
        if optimizer:
            stepped.step()
        if prof is not None:
            prof.step()


# -- the window --------------------------------------------------------------------------------------------------------


def test_steps_are_found_by_the_optimizer(tmp_path: Path) -> None:
    with torchdoctor.profile(tmp_path, wait=2, warmup=1, active=3, quiet=True) as prof:
        loop(10)
    assert prof.record is not None and len(prof.record.steps) == 3 and not prof.record.whole
    (trace,) = prof.traces
    assert trace.parent == tmp_path and trace.name.endswith(".pt.trace.json.gz")
    assert prof.record.setup["torch"] == torch.__version__ and prof.record.setup["plain"] > 0
    assert {one.name for one in prof.record.modules} == {"Linear_0"}


def test_steps_are_those_that_the_user_tells(tmp_path: Path) -> None:
    with torchdoctor.profile(tmp_path, wait=1, warmup=1, active=2, quiet=True) as prof:
        loop(8, prof)
    assert prof.record is not None and len(prof.record.steps) == 2
    forward = prof.record.act("forward")
    assert forward is not None and forward.calls == 2


def test_an_iterator_gives_what_it_is_given(tmp_path: Path) -> None:
    model = nn.Linear(8, 4)
    seen = []
    for batch in torchdoctor.profile.steps(range(9), tmp_path, wait=1, active=2, quiet=True):
        model(torch.randn(4, 8))
        seen.append(batch)
    assert seen == [*range(9)]
    assert len(read(tmp_path).steps) == 2


def test_steps_are_the_batches_where_no_optimizer_steps(tmp_path: Path) -> None:
    model = nn.Linear(8, 4)
    with torchdoctor.profile(tmp_path, wait=1, active=3, quiet=True) as prof:
        for (batch,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(80, 8)), batch_size=4):
            model(batch)
    assert prof.record is not None and len(prof.record.steps) == 3


def test_a_window_repeats(tmp_path: Path) -> None:
    with torchdoctor.profile(tmp_path, wait=1, warmup=0, active=2, repeat=2, quiet=True) as prof:
        loop(12)
    assert len(prof.traces) == 2 and all(len(read(trace).steps) == 2 for trace in prof.traces)


def test_without_steps_the_whole_is_one_window(tmp_path: Path) -> None:
    with torchdoctor.profile(tmp_path, quiet=True) as prof:
        nn.Linear(8, 4)(torch.randn(4, 8))
    assert prof.record is not None and prof.record.whole and prof.record.operator("aten::addmm") is not None


def test_too_few_steps_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torchdoctor.profile(tmp_path, wait=50):
        loop(3)
    assert "a smaller `wait` begins it earlier" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_a_compiled_model_stays_compiled(tmp_path: Path) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    step = torch.compile(lambda x: x.sin() * 2, backend=backend)
    with torchdoctor.profile(tmp_path, wait=1, active=2, quiet=True) as prof:
        for _ in range(6):
            step(torch.ones(4))
            prof.step()
    assert len(graphs) == 1 and prof.record is not None and prof.record.operator("aten::sin") is not None


@pytest.mark.parametrize("wrong", [{"wait": -1}, {"active": 0}, {"repeat": 0}])
def test_a_window_of_nothing_is_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="or more"):
        torchdoctor.profile(tmp_path, **wrong)  # type: ignore[arg-type]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_an_exception_goes_on_and_what_is_there_is_kept(tmp_path: Path) -> None:
    prof = torchdoctor.profile(tmp_path, wait=1, warmup=1, active=50, quiet=True)
    with pytest.raises(KeyError, match="mine") as raised, prof:
        loop(20, at=8)
    assert {Path(entry.path).name for entry in raised.traceback} == {Path(__file__).name}
    assert prof.record is not None and len(prof.record.steps) >= 5


def test_a_profiler_that_runs_already_keeps_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torch.profiler.profile() as theirs, torchdoctor.profile(tmp_path, wait=1, active=2):
        loop(6)
    assert "room for one" in capsys.readouterr().err
    assert any(event.key == "aten::addmm" for event in theirs.key_averages())


def test_a_profiler_that_starts_inside_gets_its_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with torchdoctor.profile(tmp_path, wait=0, warmup=0, active=50):
        loop(3)
        with torch.profiler.profile() as theirs:
            loop(2)
        loop(2)
    assert "ours ends here" in capsys.readouterr().err
    assert any(event.key == "aten::addmm" for event in theirs.key_averages())
    with torch.profiler.profile() as again:  # and torch's own functions are back in their place
        loop(1)
    assert any(event.key == "aten::addmm" for event in again.key_averages())


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with torchdoctor.profile(tmp_path / "file" / "run", wait=1, active=2) as prof:
        loop(8)
    assert "could not be written" in capsys.readouterr().err and prof.record is None


def test_a_disk_that_is_full_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torchdoctor.probes.profiling.packed", full)
    with torchdoctor.profile(tmp_path, wait=1, active=2) as prof:
        loop(8)
    assert "No space left on device" in capsys.readouterr().err
    assert prof.traces == [] and not [*tmp_path.iterdir()]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    from torch.optim import optimizer as optimizers
    from torch.utils.data.dataloader import _BaseDataLoaderIter

    before = dict(vars(_BaseDataLoaderIter)), len(optimizers._global_optimizer_post_hooks)
    with torchdoctor.profile(tmp_path, wait=1, active=2, quiet=True):
        loop(6)
    assert (dict(vars(_BaseDataLoaderIter)), len(optimizers._global_optimizer_post_hooks)) == before


def test_ranks_write_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with torchdoctor.profile(tmp_path, wait=1, active=2) as prof:
        loop(6)
    assert prof.traces[0].name.startswith("rank3-") and "steps" not in capsys.readouterr().err


# -- the command -------------------------------------------------------------------------------------------------------


def ran(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "torchdoctor", "profile", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)


def test_a_program_runs_as_it_does_and_is_told(tmp_path: Path) -> None:
    done = ran(tmp_path, "--steps", "4", "--out", "run", "train.py", "14", "3", "--steps")
    assert done.returncode == 3 and done.stdout == "out ['14', '3', '--steps'] __main__\n"
    assert "4 steps, " in done.stderr and "train.py:10" in done.stderr and "without the profiler" in done.stderr
    (trace,) = (tmp_path / "run").iterdir()
    assert len(read(trace).steps) == 4


def test_a_program_that_fails_fails_as_it_does(tmp_path: Path) -> None:
    done = ran(tmp_path, "train.py", "20", "0", "fail")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr and "ValueError: mine" in done.stderr
    assert done.stderr.index("ValueError: mine") < done.stderr.index("5 steps, ")


def test_json_is_told_of_a_program(tmp_path: Path) -> None:
    done = ran(tmp_path, "--format", "json", "-m", "train", "14", "0")
    report = json.loads(done.stderr[done.stderr.index("{\n") :])
    assert report["version"] == 1 and len(report["trace"]["steps"]) == 5 and len(report["traces"]) == 1
    assert sum(report["shares"].values()) == pytest.approx(1.0, abs=0.01)


def test_a_trace_is_judged(tmp_path: Path) -> None:
    sick = Gpu().training(wait=9000.0).write(tmp_path / "sick.json")
    done = CliRunner().invoke(main, ["profile", "--from", str(sick)])
    assert done.exit_code == 1
    for part in (
        "4 steps",
        "input wait",
        "NVIDIA A100-SXM4-40GB: busy",
        "loader-starves-step",
        "ampere_bf16_s16816gemm",
    ):
        assert part in done.output, part
    sound = Gpu().training().write(tmp_path / "sound.json")
    done = CliRunner().invoke(main, ["profile", "--from", str(sound)])
    assert done.exit_code == 0 and "nothing is wrong that these steps show" in done.output


def test_a_trace_is_judged_as_json_without_torch(tmp_path: Path) -> None:
    sick = Gpu().training(items=30).write(tmp_path / "sick.json")
    code = f"""
import sys
from torchdoctor.faces.cli import main
try:
    main(["profile", "--from", {str(sick)!r}, "--format", "json"])
except SystemExit as end:
    assert end.code == 1
assert not {{"torch", "numpy"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["findings"][0]["rule"] == "sync-stalls-step" and report["findings"][0]["cures"] == []
    assert report["shares"]["gpu_busy"] > 0.2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "none.json"], "cannot be read"),
        (["--from", "wrong.json"], "is no trace of torch.profiler"),
        ([], "which program?"),
        (["--from", "wrong.json", "train.py"], "name no program with it"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], told: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.json").write_text("{}")
    done = CliRunner().invoke(main, ["profile", *arguments])
    assert done.exit_code == 2 and told in done.output


def test_what_breaks_off_is_judged_and_told(tmp_path: Path) -> None:
    whole = gzip.compress(Gpu().training(steps=9).write(tmp_path / "whole.json").read_bytes())
    (tmp_path / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    done = CliRunner().invoke(main, ["profile", "--from", str(tmp_path / "cut.json.gz")])
    assert done.exit_code in (0, 1) and "not all could be read: the file breaks off" in done.output


def test_of_a_folder_the_newest_is_judged_and_that_is_said(tmp_path: Path) -> None:
    for rank in range(3):
        Gpu().training(steps=rank + 1).write(tmp_path / f"rank{rank}.1.pt.trace.json")
        os.utime(tmp_path / f"rank{rank}.1.pt.trace.json", (rank + 1, rank + 1))
    done = CliRunner().invoke(main, ["profile", "--from", str(tmp_path)])
    assert "3 steps" in done.output and "there are 2 more in this folder" in done.output
