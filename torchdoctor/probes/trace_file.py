"""The file that a window of the profiler leaves: its name, which TensorBoard reads, and what we put into it."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import time
from pathlib import Path


def trace_name() -> str:
    """Another one for each process and window. What stands before the first dot is the worker for TensorBoard."""
    rank = os.environ.get("RANK", "")
    worker = f"{f'rank{rank}-' if rank.isdigit() else ''}{socket.gethostname()}_{os.getpid()}"
    return f"{worker.replace('.', '_')}.{time.time_ns()}.pt.trace.json.gz"


def packed(plain: Path, path: Path, ours: str) -> None:
    """The trace compressed, with what is ours as its first entry. Raises OSError, and ValueError where it is none."""
    with plain.open("rb") as trace, gzip.open(path, "wb", compresslevel=4) as file:
        head = trace.read(4096)
        before, brace, after = head.partition(b"{")
        if not brace:
            raise ValueError("the profiler has written nothing")
        file.write(before + brace + b'"torchdoctor": ' + ours.encode("ascii") + b"," + after)
        shutil.copyfileobj(trace, file, 1 << 20)
