"""What a process of ``torch.multiprocessing.spawn`` raises comes with what stood in its frames; its text stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faces.programs import DOCTOR, PLAIN, run

PROGRAM = """\
import torch
import torch.multiprocessing as mp
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(width, 4)

    def forward(self, images):
        return self.project(images.flatten(1))


def work(rank, width):
    net = Net(width)
    net(torch.zeros(2, 3, 5, 5))


if __name__ == "__main__":
    mp.spawn(work, args=(7,), nprocs=1)
"""


def test_the_layer_is_named_and_the_text_stays(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(PROGRAM)
    plain, ours = (run([*command, "train.py"], tmp_path) for command in (PLAIN, DOCTOR))
    assert (ours.code, ours.out) == (plain.code, plain.out)
    # torch leaves through lines of its own that warn of resources, by process and file.
    assert re.sub(r"/tmp/\S+|\b\d{3,}\b", "", ours.err).startswith(re.sub(r"/tmp/\S+|\b\d{3,}\b", "", plain.err))
    told = ours.err[ours.err.index("error[linear-size-mismatch]") :]
    assert "`Net.project`" in told and "75" in told and "rank 0" in told and "train.py:12:16" in told
