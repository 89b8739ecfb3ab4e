"""Runs a function with a deep stack: the parser recurses natively, and facts recurse as deeply as code is nested."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Bytes of stack, and the depth of Python calls that fits it with room to spare. It is address space: pages that are
# never touched cost nothing. The last is the system's own size with Python's own limit.
_SIZES = ((256 << 20, 60_000), (64 << 20, 15_000), (0, 1000))


def deep(function: Callable[[], T]) -> T:
    """What the function returns or raises, run in a thread of its own while this one waits."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run(depth: int) -> None:
        sys.setrecursionlimit(max(limit, depth))
        try:
            outcome.append(function())
        except BaseException as error:
            failure.append(error)

    limit = sys.getrecursionlimit()
    try:
        thread = _start(run)
        while thread.is_alive():
            thread.join(0.1)  # in short waits, so that Ctrl-C is answered on every system
    finally:
        sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]


def _start(run: Callable[[int], None]) -> threading.Thread:
    before = threading.stack_size()
    try:
        for size, depth in _SIZES:
            try:
                threading.stack_size(size)
                thread = threading.Thread(target=run, args=(depth,), daemon=True, name="torchdoctor")
                thread.start()
                return thread
            except (RuntimeError, ValueError):
                continue
        raise MemoryError("no thread can be started")
    finally:
        threading.stack_size(before)
