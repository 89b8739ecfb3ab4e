"""The user's stack that torch.compile keeps: the traceback does not have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torchdoctor.probes.packages import package_of
from torchdoctor.probes.source import Sources
from torchdoctor.record import FrameRecord


def real_stack(stack: Iterable[Any], sources: Sources) -> Iterator[FrameRecord]:
    """The user's frames under torch.compile: the traceback has none, the exception keeps their summaries."""
    for summary in list(stack):
        path, line = summary.filename, summary.lineno or 0
        sources.know(path, {})
        text = sources.line(path, line).strip()
        yield FrameRecord(path, line, summary.name, text, package_of(path))
