"""torch-tb-profiler opens what we write, and its numbers are ours; skipped where it is not installed."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.traces.gpu import Gpu
from torchdoctor.traces.reading import read

if find_spec("torch_tb_profiler") is None:
    pytest.skip("torch-tb-profiler is not installed", allow_module_level=True)

# Its loader starts processes, which import the main module: it has to be a script.
LOADER = """
import json, sys, warnings
warnings.simplefilter("ignore")

def main(folder):
    import torch_tb_profiler.plugin
    from torch_tb_profiler.io import Cache
    from torch_tb_profiler.profiler.loader import RunLoader

    run = RunLoader("run", folder, Cache()).load()
    (worker,) = run.workers
    profile = run.get_profile(worker, (run.get_spans(worker) or [None])[0])
    json.dump({"views": [view.name for view in profile.views], "overview": profile.overview,
               "operators": profile.operation_table_by_name["data"], "kernels": profile.kernel_table,
               "modules": bool(profile.module_stats), "gpu": profile.gpu_summary}, sys.stdout)

if __name__ == "__main__":
    main(sys.argv[1])
"""


def loaded(folder: Path, tmp_path: Path) -> dict[str, Any]:
    script = tmp_path / "load.py"
    script.write_text(LOADER, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


def steps(overview: dict[str, Any]) -> list[float]:
    """The whole times of the steps, which it shows in the tooltips only."""
    return [float(re.findall(r"Total: ([\d.]+)us", str(row))[0]) for row in overview["steps"]["rows"]]


def test_a_run_opens_with_all_views_and_the_same_numbers(tmp_path: Path) -> None:
    import torch

    import torchdoctor

    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 4))
    optimizer = torch.optim.AdamW(model.parameters())
    with torchdoctor.profile(tmp_path / "run", wait=1, active=3, quiet=True) as prof:
        for _ in range(8):
            optimizer.zero_grad()
            model(torch.randn(8, 16)).sum().backward()
            optimizer.step()
    assert prof.record is not None
    theirs = loaded(tmp_path / "run", tmp_path)
    assert theirs["views"] == ["overall", "operator", "trace", "memory", "module"] and theirs["modules"]
    assert steps(theirs["overview"]) == pytest.approx([step.wall for step in prof.record.steps])
    ours = {one.name: one for one in prof.record.operators}
    assert theirs["operators"]
    for row in theirs["operators"][:20]:
        one = ours[row["name"]]
        assert one.calls == row["calls"], row
        assert one.self_time == pytest.approx(row["host_self_duration"], abs=1.0), row
        assert one.total == pytest.approx(row["host_total_duration"], abs=1.0), row


def test_the_utilisation_of_a_gpu_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    plain = Gpu().training(steps=3, pinned=True).write(tmp_path / "trace.json")
    path = folder / "host_1.1.pt.trace.json.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    record = read(path)
    theirs = loaded(folder, tmp_path)
    (told,) = (float(one["value"].rstrip(" %")) for one in theirs["gpu"] if one["title"] == "GPU Utilization")
    # Theirs is of the time from the first step's begin to the end of the last kernel, which outlives the last step.
    assert told == pytest.approx(100 * record.share(record.busy), abs=3.0)
    # They count what runs on the GPU behind a step to that step: only the sum can be the same.
    assert sum(steps(theirs["overview"])) == pytest.approx(record.wall, rel=0.1)
    kernels = {row[0]: row for row in theirs["kernels"]["data"]["rows"]}
    assert {one.name for one in record.kernels} <= set(kernels)
