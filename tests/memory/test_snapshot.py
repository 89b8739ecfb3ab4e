"""The snapshot that is written when memory is refused: PyTorch's own viewer reads it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.cuda import _memory_viz

from tests.memory.card import MIB, Card
from tests.memory.cases import CASES
from tests.memory.running import run_on
from torchdoctor.probes import history

PROGRAM = next(case.program for case in CASES if case.name == "a batch too large for a transformer")


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A card whose history is on as soon as CUDA begins, as ``run --memory-snapshot`` has it; what was said."""
    card = Card(256 * MIB)
    said: list[str] = []

    def record(**options: Any) -> None:
        card.history = options["enabled"] == "all" and options["stacks"] == "python"

    monkeypatch.setattr("torch.cuda._lazy_call", lambda call, **more: call())
    monkeypatch.setattr("torch.cuda.memory._record_memory_history", record)
    monkeypatch.setattr(torch._C, "_cuda_attach_out_of_memory_observer", card.observers.append, raising=False)
    monkeypatch.setattr(history, "_path", None)
    history.snapshot_to(tmp_path / "oom.pickle", said.append)
    yield card, said, tmp_path
    history._path = None


def test_the_viewer_opens_it(recording: Any) -> None:
    card, said, folder = recording
    failure = run_on(card, PROGRAM, folder)
    assert said == [f"memory snapshot in {folder / 'oom.pickle'}: open it at {history.VIEWER}"]
    snapshot = pickle.loads((folder / "oom.pickle").read_bytes())
    assert snapshot["device_traces"][0][-1]["action"] == "oom", "it is of the moment of the refusal"
    assert "active_allocated" in {block["state"] for one in snapshot["segments"] for block in one["blocks"]}
    for plot in (_memory_viz.trace_plot, _memory_viz.segment_plot):
        assert "MemoryViz.js" in plot(snapshot)
    viewer: Any = _memory_viz
    assert "raise OutOfMemoryError" in viewer.trace(snapshot)
    assert "total_reserved" in viewer.segsum(snapshot)
    assert "train.py" in viewer.memory(snapshot, format_flamegraph=lambda text: text)
    assert list(folder.glob(".*")) == []
    assert failure.memory is not None
    lines = failure.memory.lines
    held = sum(one.bytes for one in lines)
    assert lines[0].path.endswith("train.py") and held > (failure.memory.allocated or 0) * 0.8
    text = (folder / "train.py").read_text().splitlines()
    assert "return self.out(" in text[lines[0].line - 1] or "weights" in text[lines[0].line - 1]


def test_a_full_disk_is_one_line(recording: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    card, said, folder = recording

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pickle.dump", full)
    run_on(card, PROGRAM, folder)
    assert said == [f"no memory snapshot in {folder / 'oom.pickle'}: OSError: [Errno 28] No space left on device"]
    assert [path.name for path in folder.iterdir()] == ["train.py"]


def test_nothing_of_it_reaches_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is raised in a deferred call would end the program as CUDA begins."""
    said: list[str] = []

    def broken(**options: Any) -> None:
        raise RuntimeError("not with\nthis backend")

    monkeypatch.setattr("torch.cuda._lazy_call", lambda call, **more: call())
    monkeypatch.setattr("torch.cuda.memory._record_memory_history", broken)
    monkeypatch.setattr(history, "_path", None)
    history.snapshot_to(tmp_path / "oom.pickle", said.append)
    assert said == ["no allocator history: RuntimeError: not with this backend"]
