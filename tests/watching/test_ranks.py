"""Two processes under torchrun, with gloo on the CPU: a file each, and rank 0 says which one the other waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.watching.programs import ROOT
from torchdoctor.faces.watched_files import records_of

pytest.importorskip("torch.distributed")
TRAIN = """
import os, time, torch
import torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(16, 4))
optimizer = torch.optim.SGD(net.parameters(), 0.01)
for step in range(40):
    x = torch.randn(8, 16)
    {each}
    loss = net(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
dist.destroy_process_group()
"""


def ranks(each: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it on two processes, each of them under ``torchdoctor run --watch``."""
    (folder / "train.py").write_text(TRAIN.format(each=each))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "torchdoctor", "run", "--watch=run", "train.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("TORCHDOCTOR_RAISE", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)


def test_a_straggler_is_named_by_rank_0(tmp_path: Path) -> None:
    done = ranks("time.sleep(0.03 + 0.03 * rank)", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one.name for one in sorted((tmp_path / "run").iterdir())] == ["rank0.jsonl", "rank1.jsonl"]
    assert [one.count for one in records_of(tmp_path / "run")] == [40, 40]
    assert done.stderr.count("watched: train.py, rank 0 of 2") == 1 and "watched: train.py, rank 1" not in done.stderr
    assert "[ranks-of-uneven-speed]: rank 1 is" in done.stderr, done.stderr


def test_ranks_of_one_speed_are_left_alone(tmp_path: Path) -> None:
    done = ranks("time.sleep(0.03)", tmp_path)
    assert done.returncode == 0 and "nothing stands out in it" in done.stderr, done.stderr


def test_a_rank_that_dies_leaves_its_record(tmp_path: Path) -> None:
    done = ranks("time.sleep(0.05)\n    if rank == 1 and step == 30: os.kill(os.getpid(), 9)", tmp_path)
    assert done.returncode != 0
    first, second = records_of(tmp_path / "run")
    assert second.ended == "" and 10 <= second.count <= 31 and first.count >= 10
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "torchdoctor", "watch", "run"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert "rank 0 of 2" in shown.stdout and shown.returncode in (0, 1), shown.stderr


def test_a_leak_on_all_ranks_is_told_once(tmp_path: Path) -> None:
    done = ranks(
        "kept = globals().setdefault('kept', [])\n"
        "    kept.append((torch.ones(2, requires_grad=True) * 2).sum()); kept[-1].backward()",
        tmp_path,
    )
    assert done.stderr.count("error[memory-grows-over-steps]: `kept`") == 1, done.stderr
    assert "on every rank" in done.stderr
