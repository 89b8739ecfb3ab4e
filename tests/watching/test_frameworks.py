"""The callbacks for Lightning and Transformers, and the scalars for TensorBoard: with the real ones."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import torchdoctor
from torchdoctor.faces.tensorboard import export
from torchdoctor.step_record import SampleRecord, StepRecord, WatchRecord

torch = pytest.importorskip("torch")


def test_lightning(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lightning: Any = pytest.importorskip("lightning.pytorch")
    from torchdoctor.faces.lightning import Watching

    monkeypatch.chdir(tmp_path)

    class Model(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, breaks: bool) -> None:
            super().__init__()
            self.fc, self.breaks = torch.nn.Linear(4, 1), breaks
            self.seen: list[Any] = []

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.fc(batch).square().mean()
            self.seen.append(loss)
            if self.breaks and index == 25:
                raise KeyError("here")
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.fc(batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.01)

    def fit(breaks: bool) -> Any:
        loader = torch.utils.data.DataLoader(torch.randn(240, 4), batch_size=4)
        callback = Watching(tmp_path / "run")
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", callbacks=[callback], **quiet)
        trainer.fit(Model(breaks), loader, torch.utils.data.DataLoader(torch.randn(40, 4), batch_size=4))
        return callback

    callback = fit(False)
    assert callback.run.record.count == 60 and callback.run.record.ended == "finished"
    assert [one.rule for one in callback.findings] == ["memory-grows-over-steps"]
    assert "seen`" in callback.findings[0].message and callback.findings[0].at is not None
    assert "watched:" in capsys.readouterr().err
    with pytest.raises(KeyError):
        fit(True)
    from torchdoctor.faces.watched_files import records_of

    assert records_of(tmp_path / "run")[0].ended == "raised KeyError"


def test_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers: Any = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from torchdoctor.faces.transformers import Watching

    monkeypatch.chdir(tmp_path)

    class Model(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 1)

        def forward(self, x: Any, labels: Any = None) -> Any:
            return {"loss": (self.fc(x).squeeze(-1) - labels).square().mean()}

    data = [{"x": torch.randn(4), "labels": torch.tensor(1.0)} for _ in range(120)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        per_device_train_batch_size=4,
        num_train_epochs=2,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    callback = Watching(tmp_path / "run", quiet=True)
    transformers.Trainer(model=Model(), args=arguments, train_dataset=data, callbacks=[callback]).train()
    assert callback.run is not None and callback.run.record.count == 60 and callback.findings == []


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader finds in the event files of a folder."""
    accumulator: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_event_files_are_read_by_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    steps = tuple(StepRecord(n, at=n, seconds=0.2, input=0.1, rss=n << 20, allocated=5 << 20, loss=0.5) for n in (1, 2))
    samples = (SampleRecord(1.0, gpu=40.0),)
    export([WatchRecord(started=1e9, steps=steps, samples=samples), WatchRecord(rank=1, steps=steps)], tmp_path)
    found = scalars(tmp_path / "rank0")
    assert found["torchdoctor/step_ms"] == [(1, 200.0), (2, 200.0)]
    assert found["torchdoctor/rss_MiB"] == [(1, 1.0), (2, 2.0)] and found["torchdoctor/loss"] == [(1, 0.5), (2, 0.5)]
    assert found["torchdoctor/gpu_percent"] == [(1, 40.0)] and scalars(tmp_path / "rank1")


def test_a_writer_of_the_users_is_fed_while_it_runs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with torchdoctor.watch(quiet=True, writer=writer):
        for _ in range(25):
            optimizer.zero_grad()
            net(torch.ones(2, 4)).sum().backward()
            optimizer.step()
    writer.close()
    assert [step for step, _ in scalars(tmp_path)["torchdoctor/step_ms"]] == list(range(1, 26))
