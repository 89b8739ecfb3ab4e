"""A watched run drawn in a terminal: memory over time, and what the steps' time is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from torchdoctor.faces.paint import Paint
from torchdoctor.quantity_text import size_text, time_text
from torchdoctor.step_record import StepRecord, WatchRecord

HEIGHT = 8
_EIGHTHS, _PLAIN = " ▁▂▃▄▅▆▇█", "   ..::##"
# Told apart by their marks alone, so that no colour is needed: for terminals with Unicode, and for those without.
_PHASES = (
    ("optimizer", "█", "O", "note"),
    ("backward", "▓", "B", "frame"),
    ("forward", "▒", "F", "cure"),
    ("other", "·", ".", "dim"),
    ("input", "░", "i", "warning"),
)
_LABEL = 11  # columns left of the axis


def charts(one: WatchRecord, paint: Paint, *, plain: bool = False) -> str:
    """Both drawings; "" where there are no steps. ``plain`` writes ASCII only."""
    if len(one.steps) < 2:
        return ""
    rows = [*memory(one, paint, plain=plain), "", *times(one, paint, plain=plain)]
    return "".join(f"{row.rstrip()}\n" for row in rows)


def memory(one: WatchRecord, paint: Paint, *, plain: bool = False) -> Iterator[str]:
    """Memory by time: what the GPU's allocator has given out, else what the process takes."""
    on_device = any(step.allocated is not None for step in one.steps)
    name = "allocated" if on_device else "rss"
    points = [(step.at, value) for step in one.steps if (value := getattr(step, name)) is not None]
    if len(points) < 2:
        points = [(sample.at, value) for sample in one.samples if (value := getattr(sample, name)) is not None]
    if len(points) < 2:
        return
    columns = buckets(points, max(paint.width - _LABEL - 2, 10))
    low, high = min(v for v in columns if v is not None), max(v for v in columns if v is not None)
    bottom = 0.0 if low < high / 2 else low - (high - low) * 0.2 if high > low else 0.0
    what = "GPU memory" if on_device else "process memory"
    yield paint("strong", f"{what}, {size_text(low)} to {size_text(high)}")
    marks = _PLAIN if plain else _EIGHTHS
    for row in range(HEIGHT - 1, -1, -1):
        cells = []
        for value in columns:
            filled = 0.0 if value is None or high <= bottom else (value - bottom) / (high - bottom) * HEIGHT - row
            cells.append(marks[min(max(round(filled * 8), 0), 8)])
        edge = size_text(high) if row == HEIGHT - 1 else size_text(bottom) if row == 0 else ""
        yield f"{edge:>{_LABEL}} {'|' if plain else '│'}{paint('note', ''.join(cells))}"
    yield _axis(points[0][0], points[-1][0], len(columns))


def buckets(points: Sequence[tuple[float, float]], width: int) -> list[float | None]:
    """The greatest value of each stretch of time; a stretch without one has the value before it."""
    begin, end = points[0][0], points[-1][0]
    span = max(end - begin, 1e-9)
    found: list[float | None] = [None] * width
    for at, value in points:
        index = min(int((at - begin) / span * width), width - 1)
        found[index] = value if found[index] is None else max(found[index] or 0.0, value)
    for index in range(1, width):
        if found[index] is None:
            found[index] = found[index - 1]
    return found


def times(one: WatchRecord, paint: Paint, *, plain: bool = False) -> Iterator[str]:
    """What a step's time is made of, along the run: the parts lie upon each other. Pauses are left out."""
    groups = grouped(one.steps, max(paint.width - _LABEL - 2, 10))
    stacks = [[_mean(group, name) for name, *_ in _PHASES] for group in groups]
    ordered = sorted(sum(stack) for stack in stacks)
    high = ordered[min(int(len(ordered) * 0.98), len(ordered) - 1)]  # one slow step does not flatten all others
    if high <= 0:
        return
    yield paint("strong", f"time of a step, up to {time_text(high)}")
    for row in range(HEIGHT - 1, -1, -1):
        cells = "".join(_cell(stack, (row + 0.5) / HEIGHT * high, paint, plain) for stack in stacks)
        edge = time_text(high) if row == HEIGHT - 1 else "0" if row == 0 else ""
        yield f"{edge:>{_LABEL}} {'|' if plain else '│'}{cells}"
    first, last = f"step {one.steps[0].number}", f"step {one.steps[-1].number}"
    yield f"{'':{_LABEL}}  {first}{last:>{max(len(stacks) - len(first), len(last) + 1)}}"
    shown = [(name, ascii_ if plain else mark, style) for name, mark, ascii_, style in reversed(_PHASES)]
    beside = max((paint.width - _LABEL - 2) // 13, 1)  # of "backward", with its mark and the space behind
    for start in range(0, len(shown), beside):
        marks = shown[start : start + beside]
        yield " " * (_LABEL + 2) + "".join(f"{paint(style, mark)} {name:11}" for name, mark, style in marks).rstrip()


def _cell(stack: list[float], height: float, paint: Paint, plain: bool) -> str:
    reached = 0.0
    for part, (_, mark, ascii_, style) in zip(stack, _PHASES, strict=True):
        reached += part
        if height < reached:
            return paint(style, ascii_ if plain else mark)
    return " "


def grouped(steps: Sequence[StepRecord], most: int) -> list[Sequence[StepRecord]]:
    """The steps in at most so many groups, in their order."""
    number = min(most, len(steps))
    bounds = [len(steps) * index // number for index in range(number + 1)]
    return [steps[a:b] for a, b in pairwise(bounds)]


def _mean(steps: Sequence[StepRecord], name: str) -> float:
    number = sum(one.steps for one in steps)
    return sum(part_of(one, name) for one in steps) / max(number, 1)


def part_of(one: StepRecord, name: str) -> float:
    """The time that a record's steps spent on a phase; "other" is what no phase accounts for."""
    if name != "other":
        return float(getattr(one, name))
    return max(one.seconds - one.pause - one.input - one.forward - one.backward - one.optimizer, 0.0)


def _axis(begin: float, end: float, width: int) -> str:
    first, last = time_text(begin), time_text(end)
    return f"{'':{_LABEL}}  {first}{last:>{max(width - len(first), len(last) + 1)}}"
