"""A watched run as one picture: memory over time, and what the steps' time is made of. SVG, for reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from torchdoctor.faces.charts import grouped, part_of
from torchdoctor.quantity_text import size_text, time_text
from torchdoctor.step_record import StepRecord, WatchRecord

_WIDTH, _PLOT, _LEFT, _TOP, _GAP = 960, 200, 90, 56, 70
_RIGHT = _WIDTH - 20
_PHASES = (
    ("optimizer", "#6a51a3"),
    ("backward", "#3182bd"),
    ("forward", "#31a354"),
    ("other", "#bdbdbd"),
    ("input", "#fd8d3c"),
)
_LINES = (("allocated", "allocated", "#d62728"), ("reserved", "reserved", "#ff9896"), ("rss", "process", "#1f77b4"))


def picture(one: WatchRecord, sentences: Sequence[str] = ()) -> str:
    """The picture as the text of an SVG file; ``sentences`` stand below it."""
    height = _TOP + 2 * (_PLOT + _GAP) + 20 * len(sentences) + 20
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(_title(one))}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(_LEFT, 24, _title(one), size=16),
        *_memory(one, _TOP),
        *_times(one, _TOP + _PLOT + _GAP),
        *(_text(_LEFT, _TOP + 2 * (_PLOT + _GAP) + 20 * index, words) for index, words in enumerate(sentences)),
        "</svg>",
    ]
    return "\n".join(rows) + "\n"


def _title(one: WatchRecord) -> str:
    rank = f", rank {one.rank} of {one.world}" if one.world > 1 else ""
    return f"{one.program or 'a program'}{rank}: {one.count:,} steps in {time_text(one.seconds)}, {one.device}"


def _memory(one: WatchRecord, top: int) -> Iterator[str]:
    series = []
    for name, words, colour in _LINES:
        points = [(step.at, float(value)) for step in one.steps if (value := getattr(step, name)) is not None]
        if len(points) > 1:
            series.append((words, colour, points))
    if not series:
        yield _text(_LEFT, top + 20, "no memory was recorded")
        return
    high = max(value for *_, points in series for _, value in points) * 1.05 or 1.0
    begin = min(points[0][0] for *_, points in series)
    end = max(points[-1][0] for *_, points in series)
    yield from _frame(top, "memory", size_text(high), time_text(begin), time_text(end))
    for index, (words, colour, points) in enumerate(series):
        path = " ".join(
            f"{_across(at, begin, end):.1f},{top + _PLOT - value / high * _PLOT:.1f}" for at, value in points
        )
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>'
        yield from _legend(index, top, words, colour)


def _times(one: WatchRecord, top: int) -> Iterator[str]:
    groups = grouped(one.steps, 480) if one.steps else []
    means = [{name: _mean(group, name) for name, _ in _PHASES} for group in groups]
    ordered = sorted(sum(mean.values()) for mean in means)
    high = ordered[min(int(len(ordered) * 0.98), len(ordered) - 1)] * 1.1 if ordered else 0.0
    if high <= 0:
        yield _text(_LEFT, top + 20, "no step was recorded")
        return
    ends = f"step {one.steps[0].number}", f"step {one.steps[-1].number}"
    yield from _frame(top, "time of a step", time_text(high), *ends)
    below = [0.0] * len(means)
    wide = (_RIGHT - _LEFT) / len(means)
    for index, (name, colour) in enumerate(_PHASES):
        above = [min(low + mean[name], high) for low, mean in zip(below, means, strict=True)]
        corners = [(_LEFT + at * wide, value) for at, value in _stairs(above)]
        corners += [(_LEFT + at * wide, value) for at, value in reversed([*_stairs(below)])]
        path = " ".join(f"{x:.1f},{top + _PLOT - value / high * _PLOT:.1f}" for x, value in corners)
        yield f'<polygon fill="{colour}" points="{path}"/>'
        yield from _legend(index, top, name, colour)
        below = above


def _stairs(values: Sequence[float]) -> Iterator[tuple[int, float]]:
    for index, value in enumerate(values):
        yield index, value
        yield index + 1, value


def _mean(group: Sequence[StepRecord], name: str) -> float:
    return sum(part_of(one, name) for one in group) / max(sum(one.steps for one in group), 1)


def _across(at: float, begin: float, end: float) -> float:
    return _LEFT + (at - begin) / max(end - begin, 1e-9) * (_RIGHT - _LEFT)


def _frame(top: int, title: str, high: str, first: str, last: str) -> Iterator[str]:
    yield f'<rect x="{_LEFT}" y="{top}" width="{_RIGHT - _LEFT}" height="{_PLOT}" fill="none" stroke="#888"/>'
    yield _text(_LEFT, top - 8, title, size=13)
    yield _text(_LEFT - 6, top + 10, high, anchor="end")
    yield _text(_LEFT - 6, top + _PLOT, "0", anchor="end")
    yield _text(_LEFT, top + _PLOT + 16, first)
    yield _text(_RIGHT, top + _PLOT + 16, last, anchor="end")


def _legend(index: int, top: int, words: str, colour: str) -> Iterator[str]:
    x = _LEFT + 200 + index * 110
    yield f'<rect x="{x}" y="{top - 18}" width="10" height="10" fill="{colour}"/>'
    yield _text(x + 14, top - 9, words)


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start") -> str:
    clean = "".join(letter if letter.isprintable() else "\ufffd" for letter in words)
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}">{escape(clean)}</text>'
