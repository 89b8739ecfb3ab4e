"""The CUDA allocator's history, and the snapshot that PyTorch's own viewer opens, written as memory is refused.

On for a program that asks for it (``torchdoctor run --memory-snapshot FILE``): from the moment that CUDA begins, some
microseconds for each allocation. The snapshot is taken by the allocator's own observer, before the error frees
anything; where torch has none, when the error is told.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torchdoctor.probes.loading import when_loaded
from torchdoctor.probes.plain import loaded

VIEWER = "https://pytorch.org/memory_viz"
_MOST_ENTRIES = 100_000  # allocations and frees, the last ones: each is some KB in the file
_path: Path | None = None
_written = False


def snapshot_to(path: Path, say: Callable[[str], None]) -> None:
    """Record the allocator's history once CUDA begins, and write a snapshot to ``path`` when memory is refused.

    ``say`` is given one line on what became of it. Loads nothing; never raises into the program.
    """
    global _path, _written
    _path, _written = path, False

    def cuda_loaded(cuda: ModuleType) -> None:
        try:
            cuda._lazy_call(lambda: _begin(say))
        except Exception as fault:
            say(f"no allocator history: {type(fault).__name__}: {fault}")

    when_loaded("torch.cuda", cuda_loaded)


def _begin(say: Callable[[str], None]) -> None:
    """Switch the history on. In torch's own initialisation: what is raised here would end the user's program."""
    try:
        torch: Any = loaded("torch")
        torch.cuda.memory._record_memory_history(enabled="all", stacks="python", max_entries=_MOST_ENTRIES)
        attach = getattr(torch._C, "_cuda_attach_out_of_memory_observer", None)
        if attach is not None:
            attach(lambda device, asked, total, free: write_snapshot(say))
    except Exception as fault:
        say(f"no allocator history: {type(fault).__name__}: {' '.join(str(fault).split())}")


def write_snapshot(say: Callable[[str], None], *, again: bool = True) -> None:
    """Write the snapshot, whole or not at all; a later refusal replaces an earlier one's where ``again`` is True.

    Nothing where none was asked for. What goes wrong is one line.
    """
    global _written
    if _path is None or (_written and not again):
        return
    partial = _path.with_name(f".{_path.name}.{os.getpid()}")
    try:
        snapshot = loaded("torch").cuda.memory._snapshot()
        with partial.open("wb") as file:
            pickle.dump(snapshot, file)
        os.replace(partial, _path)
        first, _written = not _written, True
        if first:
            say(f"memory snapshot in {_path}: open it at {VIEWER}")
    except Exception as fault:
        say(f"no memory snapshot in {_path}: {type(fault).__name__}: {' '.join(str(fault).split())}")
        _remove(partial)


def _remove(partial: Path) -> None:
    try:
        partial.unlink()
    except OSError:
        return


def left() -> str:
    """What to say at the program's end of a snapshot that was asked for and never written; "" where there is none."""
    if _path is None or _written:
        return ""
    cuda = loaded("torch.cuda")
    begun = cuda is not None and "torch" in sys.modules and cuda.is_initialized()
    return "no memory snapshot: " + ("no CUDA memory was refused" if begun else "the program has not used CUDA")
