"""The first operation of a block that gives NaN, in the forward or in the backward pass."""

from __future__ import annotations

from contextlib import ExitStack

from torchdoctor.guard_record import NanRecord
from torchdoctor.probes.finite import FirstNonFinite


class NoNan:
    """Looks at every floating result. Infinity is left alone: masks hold it on purpose."""

    def __init__(self) -> None:
        self._first = FirstNonFinite()
        self._stack = ExitStack()

    def __enter__(self) -> NoNan:
        self._stack.enter_context(self._first.watching())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def record(self) -> NanRecord:
        return NanRecord(self._first.operation, self._first.given, self._first.infinite)
