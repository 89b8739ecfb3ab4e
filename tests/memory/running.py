"""Runs a case on the simulated card, and looks at how it ends."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

import torch

from tests.memory.card import Card
from tests.memory.cases import Case
from torchdoctor.diagnose import diagnose
from torchdoctor.finding import Finding
from torchdoctor.probes.failure import failure_of
from torchdoctor.project.tracefiles import TraceFiles
from torchdoctor.record import Failure


def run(case: Case, folder: Path) -> Failure:
    """The record of how the program ends. Raises AssertionError where it ends well, and what it raises else."""
    return run_on(Card(case.total, **case.card), case.program, folder)


def run_on(card: Card, program: str, folder: Path) -> Failure:
    path = folder / "train.py"
    path.write_text(program, encoding="utf-8")
    linecache.checkcache(str(path))
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path), "device": "cpu", "CARD": card.total}
    torch.manual_seed(0)
    error: Exception | None = None
    try:
        with card.simulated():
            exec(compile(program, str(path), "exec"), names)
    except torch.OutOfMemoryError as refused:
        error = refused
    if error is None:
        raise AssertionError(f"the program has enough: {card.peak} of {card.total} bytes were allocated at most")
    with card.looked_at():
        return failure_of(error)


def explained(failure: Failure) -> list[Finding]:
    return diagnose(failure, open_file=TraceFiles())
