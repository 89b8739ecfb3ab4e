"""Records that other processes have sent: they lie in the frame of torch's that raises the failure again here.

``loading`` and ``spawned`` send them, from the process in which the failing frames were still there.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any

from torchdoctor.record import Failure

RECORD = "torchdoctor_record"  # the attribute of torch's ExceptionWrapper that holds a worker's record


def from_worker(steps: list[TracebackType]) -> Failure | None:
    """The record of a DataLoader worker: ``reraise`` has the wrapper that brought the exception."""
    for names in _names_in(steps, "reraise", "torch/_utils.py"):
        held = names.get("self")
        data = held.__dict__.get(RECORD) if type(held).__name__ == "ExceptionWrapper" else None
        if isinstance(data, bytes):
            return _of_worker(data, getattr(held, "where", ""))
    return None


def from_spawned(steps: list[TracebackType]) -> Failure | None:
    """The record of a process of ``torch.multiprocessing.spawn``: ``join`` knows the file that it wrote."""
    for names in _names_in(steps, "join", "torch/multiprocessing/spawn.py"):
        files, index = getattr(names.get("self"), "error_files", None), names.get("error_index")
        if type(files) is list and type(index) is int and 0 <= index < len(files):
            return _of_file(files[index], index)
    return None


def _names_in(steps: list[TracebackType], function: str, path: str) -> Iterator[dict[str, Any]]:
    """The local names of each frame of a function of torch's, in the file whose path ends so; the innermost first."""
    for step in reversed(steps):
        code = step.tb_frame.f_code
        if code.co_name == function and code.co_filename.replace("\\", "/").endswith(path):
            yield step.tb_frame.f_locals


def _of_worker(data: bytes, where: object) -> Failure | None:
    failure = pickle.loads(data)
    number = where.rpartition("DataLoader worker process ")[2] if isinstance(where, str) else ""
    if not isinstance(failure, Failure):
        return None
    return replace(failure, worker=int(number)) if number.isdigit() else failure


def _of_file(path: str, index: int) -> Failure | None:
    try:
        with open(path, "rb") as file:
            pickle.load(file)
            failure = pickle.load(file)
    except (OSError, EOFError, pickle.UnpicklingError):  # no record behind the text
        return None
    return replace(failure, rank=index) if isinstance(failure, Failure) else None
