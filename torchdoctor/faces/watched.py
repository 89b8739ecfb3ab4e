"""A watched run for people: where its time and its memory went, in sentences, and what is wrong with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from torchdoctor.faces import text
from torchdoctor.faces.lines import Lines
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Finding, Span
from torchdoctor.project.shown import shown
from torchdoctor.quantity_text import percent, size_text, time_text
from torchdoctor.rule import SEVERITIES
from torchdoctor.signs._steps import count, settled, working
from torchdoctor.step_record import RanksRecord, StepRecord, WatchRecord

_PHASES = {"input": "input wait", "forward": "forward", "backward": "backward", "optimizer": "optimizer"}


def judged(ranks: Sequence[WatchRecord]) -> list[Finding]:
    """What is wrong: of the ranks together, then of each; what several ranks have is told of the first of them."""
    from torchdoctor import catalogue
    from torchdoctor.diagnose import examine
    from torchdoctor.faces.telling import told

    def failed(rule: str, error: Exception) -> None:
        told(f"{rule} could not look at this run ({type(error).__name__}: {error})")

    found = examine(RanksRecord(tuple(ranks)), on_error=failed) if len(ranks) > 1 else []
    seen: dict[tuple[str, Span | None], tuple[int, list[int]]] = {}
    for one in ranks:
        for finding in examine(one, on_error=failed):
            key = (finding.rule, finding.at)
            if key in seen:
                seen[key][1].append(one.rank)
            else:
                seen[key] = (len(found), [one.rank])
                found.append(finding)
    if len(ranks) > 1:
        for index, where in seen.values():
            words = "on every rank" if len(where) == len(ranks) else f"on rank {', '.join(map(str, where))}"
            found[index] = replace(found[index], evidence=(*found[index].evidence, words))
    found = [replace(one, at=_shown(one.at), marks=tuple(replace(m, at=_shown(m.at) or m.at) for m in one.marks))
             for one in found]  # fmt: skip
    return sorted(found, key=lambda one: SEVERITIES.index(catalogue.rule(one.rule).severity))


def _shown(at: Span | None) -> Span | None:
    """A line of the program, by the path that people know it by, fitted to the code on it."""
    if at is None:
        return None
    line = Lines().line(at.path, at.line)
    begins, ends = len(line) - len(line.lstrip()) + 1, len(line.rstrip()) + 1
    if at.end_line != at.line or ends <= begins:
        return replace(at, path=shown(at.path))
    return replace(at, path=shown(at.path), column=begins, end_column=ends)


def verdict(ranks: Sequence[WatchRecord], findings: Sequence[Finding], paint: Paint, folder: Path | None) -> str:
    """The whole of it: the account, then each finding, or that nothing stands out."""
    own = ranks[0]
    rows = [*account(own, paint)]
    if len(ranks) > 1:
        rows += [*_ranks(ranks)]
    if own.world > len(ranks):
        gone = sorted(set(range(own.world)) - {one.rank for one in ranks})
        rows.append(f"  no record of rank {', '.join(map(str, gone))} lies in this folder")
    rows += [f"  {line}" for one in ranks for line in _missing(one, several=len(ranks) > 1)]
    if folder is not None:
        rows.append(paint("dim", f"  `torchdoctor watch {shown(str(folder))}` draws it"))
    rows = [part for row in rows for part in _wrapped(row, paint)]
    rows.append("")
    lines = Lines()
    for found in findings:
        rows += [*text.finding(found, lines, paint), ""]
    if not findings and own.count:
        enough = own.count >= 20
        rows += ["nothing stands out in it" if enough else "too few steps to judge it by", ""]
    return "".join(f"{row.rstrip()}\n" for row in rows)


def _wrapped(row: str, paint: Paint) -> list[str]:
    """One row as rows that fit; coloured ones are short."""
    if "\x1b" in row or cells(row) <= paint.width:
        return [row]
    return textwrap.wrap(
        row.strip(), paint.width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )


def account(one: WatchRecord, paint: Paint) -> Iterator[str]:
    """Where time and memory went, in a few lines."""
    name = f"{visible(one.program)}, rank {one.rank} of {one.world}" if one.world > 1 else visible(one.program)
    how = {"": "breaks off (killed, or it still runs)", "finished": "finished"}.get(one.ended, one.ended)
    what = {"loader": "batch", "backward": "backward pass"}.get(one.boundary, "step")
    steps = f"{one.count:,} {what}{'es' if what != 'step' and one.count != 1 else 's' if one.count != 1 else ''}"
    yield paint("strong", f"watched: {name or 'a program'}, {steps} in {time_text(one.seconds)}; {how}")
    usual = settled(one) or list(one.steps)
    if usual:
        yield from _times(one, usual)
    yield from _memory(one)


def _times(one: WatchRecord, steps: list[StepRecord]) -> Iterator[str]:
    whole, number = working(steps), count(steps)
    parts = [(words, sum(getattr(step, name) for step in steps)) for name, words in _PHASES.items()]
    rest = whole - sum(part for _, part in parts)
    parts.append(("other", rest))
    told = ", ".join(f"{words} {time_text(part / number)} ({percent(part, whole)})" for words, part in parts
                     if part > 0.01 * whole)  # fmt: skip
    middle, mean = median(step.working for step in steps), whole / number
    # The parts are means: where some steps are far longer than most, they do not sum to the median.
    average = f", {time_text(mean)} on average" if not 0.75 * mean < middle < 1.33 * mean else ""
    yield f"  a step takes {time_text(middle)} (median){average}: {told}"
    if one.device != "cpu":
        yield "  times are the host's: the GPU works on after a call has returned"
    kinds: dict[str, list[float]] = {}
    for pause in one.pauses:
        kinds.setdefault(pause.kind, []).append(pause.seconds)
    if kinds:
        names = {"start": "start", "other": "other things"}
        pauses = (
            f"{names.get(kind, kind)} {time_text(sum(took))}" + (f" in {len(took)} pauses" if len(took) > 1 else "")
            for kind, took in sorted(kinds.items(), key=lambda item: -sum(item[1]))
        )
        yield f"  between the steps: {', '.join(pauses)}"


def _memory(one: WatchRecord) -> Iterator[str]:
    rss = [step.rss for step in one.steps if step.rss is not None] or [s.rss for s in one.samples if s.rss is not None]
    words = []
    if rss:
        most = f", {size_text(max(rss))} at its most" if size_text(max(rss)) != size_text(rss[-1]) else ""
        words.append(f"the process {size_text(rss[-1])}{most}")
    peaks = [step.peak for step in one.steps if step.peak is not None]
    if peaks:
        allocated = [step.allocated for step in one.steps if step.allocated is not None]
        of = f" of {size_text(one.total)}" if one.total else ""
        words.append(f"{one.device} {size_text(allocated[-1])} allocated at the end, peak {size_text(max(peaks))}{of}")
    workers = [sample.workers for sample in one.samples if sample.workers]
    if workers:
        words.append(f"the loader's workers {size_text(max(workers))}")
    if words:
        yield f"  memory: {'; '.join(words)}"
    busy = [sample.gpu for sample in one.samples if sample.gpu is not None]
    if busy:
        yield f"  the GPU was busy for {percent(sum(busy) / len(busy) / 100)} of the time (NVML)"


def _ranks(ranks: Sequence[WatchRecord]) -> Iterator[str]:
    """What the ranks have in common and where they differ."""
    times = {}
    for one in ranks:
        steps = settled(one) or list(one.steps)
        if steps:
            before = sum(step.input + step.forward + step.pause for step in steps)
            times[one.rank] = before / count(steps)
        if one is not ranks[0] and (one.ended != ranks[0].ended or not one.ended):
            how = one.ended or "breaks off: killed, or it still runs"
            yield f"  rank {one.rank}: {one.count:,} steps, {how}"
    if len(times) > 1:
        slow, quick = max(times, key=lambda rank: times[rank]), min(times, key=lambda rank: times[rank])
        yield (
            f"  until backward a step takes {time_text(times[quick])} on rank {quick}, the quickest, "
            f"{time_text(times[slow])} on rank {slow}, the slowest"
        )


def _missing(one: WatchRecord, *, several: bool) -> Iterator[str]:
    for words in one.missing:
        yield f"rank {one.rank}: {words}" if several else words
    if not one.count and not one.missing:
        yield "no step was seen: neither an optimizer stepped, nor a DataLoader gave batches, nor backward ran"
        yield "`with torchdoctor.watch() as run:` in the program, and `run.step()` after each, tells where steps end"
