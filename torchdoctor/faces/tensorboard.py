"""The scalars of a watched run, for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torchdoctor.errors import TorchdoctorError
from torchdoctor.step_record import StepRecord, WatchRecord

_TIMES = ("input", "forward", "backward", "optimizer")
_SIZES = ("allocated", "reserved", "peak", "rss")
_MIB = 1 << 20


def write(writer: Any, steps: Iterable[StepRecord], started: float) -> None:
    """Give steps to a SummaryWriter: milliseconds a step, MiB, and the loss, at the time that they were made."""
    for one in steps:
        when = started + one.at
        for tag, value in scalars(one):
            writer.add_scalar(tag, value, global_step=one.number, walltime=when)


def scalars(one: StepRecord) -> Iterable[tuple[str, float]]:
    """The tags and values of one record."""
    yield "torchdoctor/step_ms", one.working * 1000
    for name in _TIMES:
        yield f"torchdoctor/{name}_ms", getattr(one, name) / one.steps * 1000
    for name in _SIZES:
        if (size := getattr(one, name)) is not None:
            yield f"torchdoctor/{name}_MiB", size / _MIB
    if one.graphs is not None:
        yield "torchdoctor/graphs_alive", one.graphs
    if one.loss is not None:
        yield "torchdoctor/loss", one.loss


def export(ranks: Sequence[WatchRecord], folder: Path) -> None:
    """Write the records as event files, one run a rank. Raises TorchdoctorError where TensorBoard is not installed."""
    for one in ranks:
        writer = _writer(folder / f"rank{one.rank}" if len(ranks) > 1 else folder)
        write(writer, one.steps, one.started)
        for sample in one.samples:
            if sample.gpu is not None:
                writer.add_scalar("torchdoctor/gpu_percent", sample.gpu, int(sample.at), one.started + sample.at)
        writer.close()


def _writer(folder: Path) -> Any:
    try:
        from importlib import import_module

        return import_module("torch.utils.tensorboard").SummaryWriter(str(folder))
    except ImportError as error:
        raise TorchdoctorError(f"TensorBoard's files cannot be written ({error}): pip install tensorboard") from None
    except OSError as error:
        raise TorchdoctorError(f"{folder} cannot be written: {error.strerror or error}") from None
