"""A lint run one file at a time finds what a whole run finds, and what one process found out the next one knows."""

from __future__ import annotations

import json
from pathlib import Path

from torchdoctor.config import load
from torchdoctor.project.piecemeal import News, Piecemeal
from torchdoctor.project.run import Run, report_of

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(x)
"""
USE = "import torch\nfrom net import Net\n\nprint(Net()(torch.zeros(3, 9)))\n"


def project(folder: Path, *, keep: bool = False) -> Piecemeal:
    return Piecemeal(Run(load([folder]), [folder], keep=keep))


def test_it_finds_what_a_whole_run_finds(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "use.py").write_text(USE)
    piecemeal = project(tmp_path)
    whole = Run(load([tmp_path]), [tmp_path]).report()
    results = [piecemeal.examine(path) for path in reversed(piecemeal.found.files)]
    assert report_of(results, files=2).findings == whole.findings and len(whole.findings) == 1


def test_news_travel_as_json_and_the_next_process_reads_nothing_anew(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "use.py").write_text(USE)
    here, there = project(tmp_path, keep=True), project(tmp_path, keep=True)
    found = {path: there.examine(path).findings for path in there.found.files}
    here.news.add(News.from_plain(json.loads(json.dumps(there.news.to_plain()))))
    assert here.news == there.news
    here.keep()
    again = project(tmp_path, keep=True)
    assert {path: again.examine(path).findings for path in again.found.files} == found
    assert again.news == News()
    (tmp_path / "net.py").write_text(NET.replace("Linear(8", "Linear(9"))
    changed = project(tmp_path, keep=True)
    assert not changed.examine(str(tmp_path / "use.py")).findings
