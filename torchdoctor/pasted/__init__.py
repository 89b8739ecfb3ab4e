"""A pasted traceback, message or whole log, read back into failures. Only text is looked at: no file is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torchdoctor.exception_names import bases_of
from torchdoctor.finding import Span
from torchdoctor.pasted.logs import Line, Stream, streams
from torchdoctor.pasted.packages import package_of
from torchdoctor.pasted.raised import Place, Raised
from torchdoctor.pasted.tracebacks import raised_elsewhere, raised_in
from torchdoctor.record import ExceptionRecord, Failure, FrameRecord

MOST = 200  # failures of one text; a log with more of them repeats itself
# A text without the exception's name might be any of these.
ANY = (
    "RuntimeError", "ValueError", "TypeError", "IndexError", "AttributeError", "KeyError", "AssertionError",
    "NotImplementedError", "ImportError", "ModuleNotFoundError", "OSError", "UnpicklingError", "OverflowError",
)  # fmt: skip
# What happens to the other ranks, and to the launcher, once one has failed.
_AFTERMATH = re.compile(
    r"Connection (?:closed|reset) by (?:remote )?peer|Broken pipe|remote process exited|Received signal 15|SIGTERM|"
    r"Socket Timeout|Watchdog caught|connection to .* was closed|ChildFailedError",
    re.IGNORECASE,
)
_LAUNCHER = ("ChildFailedError", "CalledProcessError", "SignalException")
_ROOT_RANK = re.compile(r"Root Cause \(first observed failure\):.*?\brank\s*:\s*(\d+)", re.DOTALL)
_ASSERTION = re.compile(r"([\w./-]+\.cuh?):(\d+): .*?Assertion `(.+?)` failed")
_OTHERS = {"numpy", "pandas", "sklearn", "scipy", "PIL", "matplotlib", "tensorflow", "jax", "polars", "pyarrow"}


def failures_in(text: str) -> list[Failure]:
    """The failures that a text tells of, that which came first and led to the others at the head. Takes any text.

    Where ranks are named they are kept apart, and each failure knows its ``rank``. A text that holds no traceback and
    no line of an exception is taken as one message whose exception is not known, unless it is empty or a whole log.
    """
    text = text[:MAX_CHARACTERS] if len(text) <= MAX_CHARACTERS else text[-MAX_CHARACTERS:]
    apart = streams(text)
    found = [one for stream in apart for one in _of_stream(stream)]
    strong = [one for one in found if one.raised.frames or one.raised.certain]
    chosen = strong or found
    if not chosen:
        return _message_alone(apart)
    root = _ROOT_RANK.search("\n".join(line.text for stream in apart for line in stream.lines))
    if not all(one.time for one in chosen):
        chosen = [replace(one, time="") for one in chosen]
    chosen.sort(key=lambda one: _order(one, int(root[1]) if root else None))
    failures = [_failure(one.raised, one.stream) for one in chosen]
    return _without_launchers(_once(failures))[:MOST]


MAX_CHARACTERS = 20_000_000  # of a longer log, the end


def retold(message: str) -> Failure | None:
    """What another process raised, read out of the text of the exception that retells it; else None."""
    raised = raised_elsewhere(message)
    return _failure(raised, Stream([])) if raised is not None else None


@dataclass
class _Found:
    raised: Raised
    stream: Stream
    time: str = ""
    number: int = 0


def _of_stream(stream: Stream) -> Iterator[_Found]:
    for raised in raised_in([line.text for line in stream.lines]):
        line: Line = stream.lines[min(raised.line, len(stream.lines) - 1)]
        yield _Found(raised, stream, line.time, line.number)


def _order(one: _Found, root: int | None) -> tuple[bool, bool, bool, str, int]:
    """The root's rank as the launcher names it, then causes before their aftermath, the user's own code before what
    libraries log of themselves, then time, then place."""
    rank = one.stream.rank if one.stream.rank is not None else one.raised.rank
    aftermath = bool(_AFTERMATH.search(f"{one.raised.type}: {one.raised.message[:2000]}"))
    own = not one.raised.frames or any(not package_of(frame.path) for frame in one.raised.frames)
    return (root is not None and rank != root, aftermath, not own, one.time, one.number)


def _failure(raised: Raised, stream: Stream) -> Failure:
    frames = tuple(
        FrameRecord(f.path, f.line, f.function, f.text, package_of(f.path), _marked(f))
        for f in raised.frames
        if f.line >= 0
    )
    name = raised.type.replace("::", ".").rpartition(".")[2]
    bases = bases_of(name) if raised.type else ANY
    exception = ExceptionRecord(name, raised.message, bases, raised.type.replace("::", "."), raised.notes)
    return Failure(
        exception=exception,
        frames=frames,
        origin="text",
        blame="torch" if raised.compiled else _blame(frames),
        worker=raised.worker,
        rank=stream.rank if stream.rank is not None else raised.rank,
        compiled=raised.compiled,
        causes=tuple(_failure(cause, stream) for cause in raised.causes),
        environment=_environment(stream),
    )


def _marked(place: Place) -> Span | None:
    """What the marks below a frame's code mark, in columns of the code as it was printed."""
    if len(place.columns) != 2 or place.columns[1] > len(place.text):
        return None
    return Span(place.path, place.line, place.columns[0] + 1, place.line, place.columns[1] + 1)


def _environment(stream: Stream) -> dict[str, object]:
    """What a device assertion said before the exception that reports it."""
    for line in stream.lines:
        if "Assertion `" in line.text and (found := _ASSERTION.search(line.text)):
            return {"assertion": found[3], "assertion_file": found[1]}
    return {}


def _blame(frames: tuple[FrameRecord, ...]) -> str:
    """Whose error it is: of the code that raised it, where Python code did; torch's kernels raise without a frame."""
    if not frames:
        return ""
    inner = frames[-1]
    if inner.package == "torch":
        return "torch"
    if inner.package in _OTHERS or inner.text.lstrip().startswith(("raise ", "assert ")):
        return "other"
    return ""


def _once(failures: list[Failure]) -> list[Failure]:
    """Each failure of a rank once: launchers print what a process printed again."""
    seen: dict[tuple[object, ...], Failure] = {}
    for one in failures:
        at = one.user or one.inner
        said = "watchdog" if "Watchdog caught" in one.message else one.message  # it logs each collective that waits
        key = (one.rank, one.exception.type, said, at and (at.path, at.line))
        seen.setdefault(key, one)
    return list(seen.values())


def _without_launchers(failures: list[Failure]) -> list[Failure]:
    own = [one for one in failures if one.exception.type not in _LAUNCHER]
    return own or failures


def _message_alone(apart: list[Stream]) -> list[Failure]:
    lines = [line.text.rstrip() for stream in apart for line in stream.lines]
    text = "\n".join(lines).strip()
    if not text or len(lines) > 60:
        return []
    failure = Failure(ExceptionRecord("", text, ANY))
    return [replace(failure, environment=_environment(apart[0]))] if apart else [failure]
