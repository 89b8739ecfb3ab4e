"""The verdict on the traces of several ranks, for people: the ranks side by side, and which the others wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchdoctor.diagnose import examine
from torchdoctor.faces.paint import Paint
from torchdoctor.faces.telling import told
from torchdoctor.faces.trace_text import findings_text, time_text
from torchdoctor.finding import Finding
from torchdoctor.trace_record import ENOUGH, PHASES, RanksTraceRecord, TraceRecord

_TITLES = {"input": "input", "copies": "copies", "communication": "waiting", "other": "Python"}
_MOST = 16


def compared(run: RanksTraceRecord) -> list[Finding]:
    """What is wrong between the ranks."""
    return examine(
        run,
        on_error=lambda rule, error: told(f"{rule} could not look at these traces ({type(error).__name__}: {error})"),
    )


def slowest(run: RanksTraceRecord) -> TraceRecord:
    """The rank that the others wait for, if for any: it is in collectives for the shortest time."""
    taking = [one for one in run.ranks if _collectives(one) > 0]
    return min(taking or run.ranks, key=_collectives)


def render(run: RanksTraceRecord, findings: Sequence[Finding], paint: Paint) -> str:
    steps = len(run.steps)
    same = f"{steps} steps of {len(run.ranks)} ranks" if steps else f"{len(run.ranks)} ranks, and no step is in all"
    rows = [
        paint("strong", f"{same}; a step of each"),
        *_table(run),
        "",
        *findings_text(findings, paint, _healthy(run)),
    ]
    return "".join(f"{row.rstrip()}\n" for row in rows)


def _healthy(run: RanksTraceRecord) -> str:
    if len(run.steps) >= ENOUGH:
        return "nothing tells of a late rank in these steps"
    return f"whether a rank is late cannot be told: it takes {ENOUGH} steps that all ranks have recorded"


def _table(run: RanksTraceRecord) -> Iterator[str]:
    phases = [phase for phase in PHASES if any(one.share(one.phase(phase)) >= 0.005 for one in run.ranks)]
    gpu = any(one.gpu for one in run.ranks)
    titles = ["rank", "step", *(_TITLES.get(phase, phase) for phase in phases), "collectives", *(["GPU busy"] * gpu)]
    rows = [titles, *(_row(one, phases, gpu) for one in _shown(run))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    if len(run.ranks) > _MOST:
        yield f"  and {len(run.ranks) - _MOST} ranks in between; --format json has them all"


def _shown(run: RanksTraceRecord) -> list[TraceRecord]:
    """Of many ranks, those that are in collectives for the shortest and for the longest time."""
    if len(run.ranks) <= _MOST:
        return list(run.ranks)
    waits = sorted(run.ranks, key=_collectives)
    return sorted([*waits[: _MOST // 2], *waits[-_MOST // 2 :]], key=lambda one: one.rank or 0)


def _collectives(one: TraceRecord) -> float:
    return sum(step.communicating for step in one.steps)


def _row(one: TraceRecord, phases: Sequence[str], gpu: bool) -> list[str]:
    times = [one.wall, *(one.phase(phase) for phase in phases), _collectives(one)]
    return [
        str(one.rank),
        *(time_text(one.a_step(time)) for time in times),
        *([f"{one.share(one.busy):.0%}"] if gpu else []),
    ]
