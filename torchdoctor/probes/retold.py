"""Exceptions that arrive as text: a DataLoader worker's, and the user's stack that torch.compile keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from torchdoctor.probes.packages import package_of
from torchdoctor.probes.source import Sources
from torchdoctor.record import ExceptionRecord, Failure, FrameRecord

_WORKER = re.compile(
    r"^Caught (?P<type>[\w.]+) in (?:DataLoader worker process (?P<worker>\d+)|replica (?P<replica>\d+).*?|[^\n]*?)\.\n"
    r"Original Traceback \(most recent call last\):\n(?P<body>.*)",
    re.DOTALL,
)
_FRAME = re.compile(r'^ *File "(?P<path>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\n]+)\n', re.MULTILINE)


def retold(message: str) -> Failure | None:
    """What a worker process or a replica raised, read out of the text that its parent raised again; else None."""
    found = _WORKER.match(message)
    if found is None:
        return None
    frames, last = [], 0
    for one in _FRAME.finditer(found["body"]):
        last = one.end()
        text = found["body"][last:].partition("\n")[0].strip()
        package = package_of(one["path"])
        frames.append(FrameRecord(one["path"], int(one["line"]), one["function"], text, package))
    said = re.search(
        rf"^(?:[\w.]*\.)?{re.escape(found['type'].rpartition('.')[2])}(?:: |\n|\Z)", found["body"][last:], re.M
    )
    text = found["body"][last + said.end() :].strip() if said is not None else ""
    inner = frames[-1].package if frames else ""
    return Failure(
        exception=ExceptionRecord(found["type"], text),
        frames=tuple(frames),
        blame="torch" if inner == "torch" else "",
        worker=int(found["worker"]) if found["worker"] else None,
    )


def real_stack(stack: Iterable[Any], sources: Sources) -> Iterator[FrameRecord]:
    """The user's frames under torch.compile: the traceback has none, the exception keeps their summaries."""
    for summary in list(stack):
        path, line = summary.filename, summary.lineno or 0
        sources.know(path, {})
        text = sources.line(path, line).strip()
        yield FrameRecord(path, line, summary.name, text, package_of(path))
