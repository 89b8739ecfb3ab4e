"""The verdict on a trace, for people: where the steps' time goes, what takes it, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from torchdoctor.diagnose import examine
from torchdoctor.faces import text
from torchdoctor.faces.lines import Lines
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.faces.telling import told
from torchdoctor.finding import Finding, Span
from torchdoctor.project.shown import shown
from torchdoctor.trace_record import PHASES, Place, Timed, TraceRecord

_ROWS = 6
_BAR = 24
_TITLES = {
    "input": "input wait",
    "copies": "copies to the GPU",
    "forward": "forward, other ops",
    "backward": "backward",
    "optimizer": "optimizer",
    "communication": "communication",
    "other": "Python, the rest",
}


def judged(record: TraceRecord) -> list[Finding]:
    """What is wrong, the costliest first."""
    return examine(
        record,
        on_error=lambda rule, error: told(f"{rule} could not look at this trace ({type(error).__name__}: {error})"),
    )


def render(record: TraceRecord, findings: Sequence[Finding], paint: Paint, traces: Sequence[Path] = ()) -> str:
    rows = [*_head(record, paint), "", *_split(record, paint), *_gpu(record)]
    for title, table in _tables(record):
        rows += ["", paint("strong", title), *_table(table, paint.width)]
    rows.append("")
    rows += findings_text(findings, paint, "nothing is wrong that these steps show")
    if traces:
        rows += [f"trace: {shown(str(traces[-1]))}", f"view: tensorboard --logdir {shown(str(traces[-1].parent))}"]
    return "".join(f"{row.rstrip()}\n" for row in rows)


def time_text(microseconds: float) -> str:
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.2f} s"
    return f"{microseconds / 1e3:.2f} ms" if microseconds >= 100 else f"{microseconds:.0f} us"


# -- the parts ---------------------------------------------------------------------------------------------------------


def _head(record: TraceRecord, paint: Paint) -> Iterator[str]:
    count = len(record.steps)
    if record.whole:
        what = f"no step is marked: the whole run, {time_text(record.wall)}, is taken as one"
    else:
        what = f"{count} {'step' if count == 1 else 'steps'}, {time_text(record.step_time)} each (median)"
    plain = record.setup.get("plain")
    if isinstance(plain, (int, float)) and not record.whole and plain > 0:
        what += f"; {time_text(plain)} without the profiler"
    rank = f", rank {record.rank} of {record.world}" if record.rank is not None and (record.world or 0) > 1 else ""
    yield paint("strong", f"{what}{rank}")
    for lost in record.lost:
        yield f"not all could be read: {lost}"


def _split(record: TraceRecord, paint: Paint) -> Iterator[str]:
    """Where the main thread's time goes."""
    for phase in PHASES:
        time = record.phase(phase)
        share = record.share(time)
        if share < 0.0005:
            continue
        bar = "#" * max(round(share * _BAR), 1) if share >= 0.005 else ""
        yield f"  {_TITLES[phase]:<18} {share:6.1%}  {time_text(record.a_step(time)):>10}  {paint('frame', bar)}"


def _gpu(record: TraceRecord) -> Iterator[str]:
    if not record.gpu:
        return
    name = record.devices[0] if record.devices else "the GPU"
    parts = [f"busy {record.share(record.busy):.0%}", f"idle {record.idle:.0%}"]
    for title, time in (
        ("computing", sum(step.computing for step in record.steps)),
        ("copying from the host", sum(step.copying for step in record.steps)),
        ("communicating", sum(step.communicating for step in record.steps)),
    ):
        if time:
            parts.append(f"{title} {record.share(time):.0%}")
    waited = sum(sync.waited for sync in record.syncs)
    yield ""
    yield f"{name}: {', '.join(parts)}; {record.a_step(record.launches):.0f} launches a step"
    if record.syncs:
        calls = sum(sync.calls for sync in record.syncs)
        idled = sum(sync.idled for sync in record.syncs)
        cost = f"it then idled for {record.share(idled):.1%} of the time" if idled else "which cost nothing here"
        took = time_text(record.a_step(waited))
        yield f"the host waited for it {record.a_step(calls):.0f} times a step ({took}); {cost}"


Row = tuple[str, str, str, str, str]


def _tables(record: TraceRecord) -> Iterator[tuple[str, list[Row]]]:
    """Name, calls a step, time a step, share, place."""
    operators = sorted(record.operators, key=record.own, reverse=True)[:_ROWS]
    rows = [_row(record, one.name, one.calls, record.own(one), one.place, one.shapes) for one in operators]
    if rows:
        yield ("operators, by their time on the GPU" if record.gpu else "operators, by their own time"), rows
    if record.kernels:
        yield (
            "kernels",
            [_row(record, short(one.name), one.calls, one.total, one.place) for one in record.kernels[:_ROWS]],
        )
    if modules := _modules(record):
        yield "modules, by their own time", [_row(record, m.name, m.calls, m.self_time, m.place) for m in modules]
    if record.lines:
        yield "your lines, by how often they were seen", [_line(record, one) for one in _lines(record)]
    elif functions := [one for one in record.functions if record.share(one.self_time) > 0.005][:_ROWS]:
        yield (
            "your functions, by Python's own time",
            [_row(record, _function(one), one.calls, one.self_time, one.place) for one in functions],
        )


def _lines(record: TraceRecord) -> list[Timed]:
    """Each line once; in the record they stand once for each phase that they were seen in."""
    seen: dict[Place | None, Timed] = {}
    for one in record.lines:
        before = seen.get(one.place)
        seen[one.place] = one if before is None else replace(before, total=before.total + one.total)
    return sorted(seen.values(), key=lambda one: one.total, reverse=True)[:_ROWS]


def _modules(record: TraceRecord) -> list[Timed]:
    return sorted(record.modules, key=lambda one: one.self_time, reverse=True)[:_ROWS]


def _function(one: Timed) -> str:
    return one.place.function if one.place is not None else one.name


def _row(record: TraceRecord, name: str, calls: float, time: float, place: Place | None, note: str = "") -> Row:
    where = str(place) if place is not None else ""
    shapes = f"  {note}" if note else ""
    each = record.a_step(calls)
    called = f"{each:.0f}x" if each >= 1 or not calls else f"{each:.1f}x"
    return f"{name}{shapes}", called, time_text(record.a_step(time)), f"{record.share(time):.1%}", where


def _line(record: TraceRecord, one: Timed) -> Row:
    place = one.place
    assert place is not None
    return (
        f"{shown(place.path)}:{place.line}",
        "",
        time_text(record.a_step(one.total)),
        f"{record.share(one.total):.1%}",
        place.function,
    )


def short(kernel: str) -> str:
    """A kernel's name without its template's arguments."""
    return kernel.partition("(")[0].replace("void ", "").replace("at::native::", "").partition("<")[0] or kernel


def _table(rows: Sequence[Row], width: int) -> Iterator[str]:
    place = max((len(row[4]) for row in rows), default=0)
    space = max(min(max(cells(row[0]) for row in rows), width - 32 - place), 20)
    for name, calls, time, share, where in rows:
        name = visible(name)
        name = name if len(name) <= space else f"{name[: space - 3]}..."
        yield f"  {name:<{space}}  {calls:>6}  {time:>10}  {share:>6}  {where}"


# -- findings ----------------------------------------------------------------------------------------------------------


def findings_text(findings: Sequence[Finding], paint: Paint, healthy: str) -> Iterator[str]:
    if not findings:
        yield healthy
        yield ""
        return
    lines = Lines()
    for found in findings:
        yield from text.finding(_fitted(found, lines), lines, paint)
        yield ""


def _fitted(found: Finding, lines: Lines) -> Finding:
    """With its place as it is shown, and fitted to the code on its line."""
    if found.at is None:
        return found
    line = lines.line(shown(found.at.path), found.at.line)
    column = len(line) - len(line.lstrip()) + 1
    at = Span(shown(found.at.path), found.at.line, column, found.at.end_line, max(len(line.rstrip()), column) + 1)
    return replace(found, at=at)
