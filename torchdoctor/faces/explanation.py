"""A failure explained, for people: the user's line, what stood in it, what made it so, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from torchdoctor import catalogue
from torchdoctor.faces import memory, values
from torchdoctor.faces.frames import Note, frames
from torchdoctor.faces.paint import Paint, visible
from torchdoctor.faces.text import wrapped
from torchdoctor.faces.told import ToldLines, every
from torchdoctor.finding import Finding, Span
from torchdoctor.project.report import severity
from torchdoctor.record import Failure, FrameRecord

_CURES = 3
_PLAN = 6  # of ways to make room, each frees a part
_MORE = 3  # further findings, in one line each


def render(failure: Failure, findings: Sequence[Finding], paint: Paint, ranks: Iterable[int] = ()) -> str:
    """The explanation; "" where there is none. ``ranks`` are the processes that failed alike."""
    if not findings:
        return ""
    first = findings[0]
    blocks = [*_finding(failure, first, paint, tuple(ranks)), *_others(findings[1:], paint)]
    return "".join(f"{row.rstrip()}\n" for row in blocks)


def _finding(failure: Failure, found: Finding, paint: Paint, ranks: tuple[int, ...]) -> Iterator[str]:
    level = severity(found)
    yield from wrapped(f"{level}[{found.rule}]: ", visible(found.message), level, "strong", paint, indent=4)
    gutter = 1
    if found.at is not None:
        frame = frame_at(failure, found.at)
        lines = ToldLines(failure)
        below: tuple[str, ...] = ()
        if frame is not None and frame.expression is not None:
            inner = failure.expressions if frame is failure.user else ()
            below = values.rows(frame.expression, catalogue.rule(found.rule).topic, inner, paint.width - 8)
        main = Note(lines.shown(lines.fitted(found.at, frame)), style=level, below=below)
        notes = [main, *(Note(lines.shown(mark.at), visible(mark.text)) for mark in found.marks)]
        rows = list(frames(notes, lines, paint))
        gutter = len(rows[0]) - len(rows[0].lstrip())
        yield from rows
    for label, text in _remarks(failure, found, ranks):
        if label == "cure: ":
            yield from (
                f"{' ' * gutter} {row}"
                for row in memory.rows(failure, found, replace(paint, width=paint.width - gutter - 1))
            )
        lead = f"{' ' * gutter} = {label}"
        yield from wrapped(lead, visible(text), "frame", "cure" if label in ("cure: ", "or: ") else "plain", paint)


def _remarks(failure: Failure, found: Finding, ranks: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    if where := _where(failure, found, ranks):
        yield "in: ", where
    for evidence in (*found.evidence, *(note for note in _notes(failure) if note.startswith("item"))):
        yield "seen: ", evidence
    cures = found.cures or (catalogue.rule(found.rule).cure,)
    most = _PLAN if catalogue.rule(found.rule).topic == "memory" else _CURES
    for index, cure in enumerate(cures[:most]):
        yield ("or: " if index else "cure: "), cure
    yield "", f"torchdoctor explain {found.rule}"


def _where(failure: Failure, found: Finding, ranks: tuple[int, ...]) -> str:
    """The layer, the worker and the ranks: what the code's own line does not show."""
    words = []
    layer = failure.layer or failure.module
    if layer is not None and "." in layer.name and layer.name not in found.message:
        dotted = ".".join(part for part in (layer.root, layer.name) if part)
        words.append(f"`{dotted}` ({layer.type})")
    chain = list(every(failure))
    if (worker := next((one.worker for one in chain if one.worker is not None), None)) is not None:
        words.append(f"DataLoader worker {worker}")
    words += [note for note in _notes(failure) if note.startswith("sample ")]
    if ranks := ranks or tuple(one.rank for one in chain if one.rank is not None)[:1]:
        words.append(_ranks(sorted(set(ranks))))
    return "; ".join(words)


def _notes(failure: Failure) -> list[str]:
    """What our own notes on a worker's exception say, each once."""
    notes = (note for one in every(failure) for note in one.exception.notes)
    return [*dict.fromkeys(note.removeprefix("[torchdoctor] ") for note in notes)]


def _ranks(ranks: Sequence[int]) -> str:
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    if list(ranks) == list(range(ranks[0], ranks[-1] + 1)):
        return f"ranks {ranks[0]} to {ranks[-1]}"
    return f"ranks {', '.join(map(str, ranks))}"


def _others(findings: Sequence[Finding], paint: Paint) -> Iterator[str]:
    for found in findings[:_MORE]:
        level = severity(found)
        yield from wrapped(f"also {level}[{found.rule}]: ", visible(found.message), level, "plain", paint, indent=4)


# -- the record and the finding put together -------------------------------------------------------------------------


def frame_at(failure: Failure, at: Span) -> FrameRecord | None:
    """The innermost frame whose failing place is this one."""
    for one in every(failure):
        for frame in reversed(one.frames):
            if frame.place == at:
                return frame
    return None
