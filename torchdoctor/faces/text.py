"""Findings for people: the code, what is wrong in it, and what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from torchdoctor import catalogue
from torchdoctor.faces.frames import Note, frames
from torchdoctor.faces.lines import Lines
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Finding
from torchdoctor.project.report import Failure, Report, fix, mendable, severity
from torchdoctor.rule import SEVERITIES

_CURES = 3


def render(report: Report, lines: Lines, paint: Paint) -> str:
    """Each finding with its code frames, cure and fix."""
    return "".join(f"{row.rstrip()}\n" for found in report.findings for row in (*finding(found, lines, paint), ""))


def concise(report: Report, paint: Paint) -> str:
    """One line a finding, `path:line:column: severity[rule] message`, as editors and grep like it."""
    rows = []
    for found in report.findings:
        place = f"{found.at.path}:{found.at.line}:{found.at.column}: " if found.at else ""
        mends = paint("cure", " [*]") if fix(found) == "safe" else ""
        rows.append(f"{place}{_head(found, paint)} {visible(found.message)}{mends}\n")
    return "".join(rows)


def finding(found: Finding, lines: Lines, paint: Paint) -> Iterator[str]:
    """The rows that show one finding."""
    level = severity(found)
    yield from wrapped(f"{level}[{found.rule}]: ", visible(found.message), level, "strong", paint, indent=4)
    gutter = 1
    if found.at is not None:
        notes = [Note(found.at, style=level), *(Note(mark.at, visible(mark.text)) for mark in found.marks)]
        rows = list(frames(notes, lines, paint))
        gutter = len(rows[0]) - len(rows[0].lstrip())
        yield from rows
    for label, text in _remarks(found):
        lead = f"{' ' * gutter} = {label}"
        yield from wrapped(lead, text, "frame", "cure" if label in ("cure: ", "or: ") else "plain", paint)


def _remarks(found: Finding) -> Iterator[tuple[str, str]]:
    for evidence in found.evidence:
        yield "seen: ", visible(evidence)
    for index, cure in enumerate(found.cures[:_CURES] or (catalogue.rule(found.rule).cure,)):
        yield ("or: " if index else "cure: "), visible(cure)
    if fix(found) == "safe":
        yield "fix: ", "available with --fix"
    elif fix(found) == "unsafe":
        yield "fix: ", "available with --fix --unsafe-fixes; look at what it changes"
    yield "", f"torchdoctor explain {found.rule}"


def summary(report: Report, paint: Paint, *, mended: int = 0) -> str:
    """ "3 findings (1 error, 2 warnings) in 120 files; 1 can be mended with --fix"."""
    counts = Counter(severity(found) for found in report.findings)
    number = len(report.findings)
    said = paint("strong", _count(number, "finding") if number else "no findings")
    if mended:
        said = f"{mended} mended, {said} left" if number else f"{mended} mended, nothing left"
    if number:
        said += f" ({', '.join(paint(name, _count(counts[name], name)) for name in SEVERITIES if counts[name])})"
    said += f" in {_count(report.files, 'file')}"
    said += _can_be_mended(report)
    if report.left_out:
        said += f"; {' and '.join(report.left_out)}"
    if report.failures:
        said += f"; {_count(len({f.path for f in report.failures}), 'path')} could not be checked"
    return f"{said}\n"


def _can_be_mended(report: Report) -> str:
    safe = len(mendable(report.findings, unsafe=False))
    more = len(mendable(report.findings, unsafe=True)) - safe
    if safe and more:
        return f"; {safe} can be mended with --fix, {more} more with --unsafe-fixes"
    if safe:
        return f"; {safe} can be mended with --fix"
    return f"; {more} can be mended with --fix --unsafe-fixes" if more else ""


def would_be_mended(findings: int, files: int) -> str:
    """What --diff says below the diff."""
    said = f"{_count(findings, 'finding')} in {_count(files, 'file')}" if findings else "nothing"
    return f"{said} would be mended\n"


def failure(failed: Failure, paint: Paint) -> str:
    """One line on what could not be done."""
    place = f"{failed.path}:{failed.line}" if failed.line else failed.path
    return f"{paint('error', 'error')}: {visible(place)}: {visible(failed.message)}\n"


def diff(text: str, paint: Paint) -> str:
    """A unified diff, coloured."""
    styles = {"+": "cure", "-": "error", "@": "note"}
    if not paint.color:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(
        paint(styles.get(line[0], "plain"), line.rstrip("\n")) + line[len(line.rstrip("\n")) :] for line in lines
    )


def statistics(report: Report, paint: Paint) -> str:
    """A table of how many findings there are of each rule."""
    counts = Counter(found.rule for found in report.findings)
    mends = Counter(found.rule for found in report.findings if fix(found) == "safe")
    width = max((len(str(count)) for count in counts.values()), default=0)
    rows = []
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        rule = catalogue.rule(name)
        tail = f"  ({mends[name]} can be mended)" if mends[name] else ""
        rows.append(f"{count:>{width}}  {paint(rule.severity, f'{rule.severity:7}')}  {name}{paint('dim', tail)}\n")
    return "".join(rows)


def _head(found: Finding, paint: Paint) -> str:
    return paint(severity(found), f"{severity(found)}[{found.rule}]")


def wrapped(
    lead: str, text: str, lead_style: str, style: str, paint: Paint, indent: int | None = None
) -> Iterator[str]:
    """A paragraph behind a lead; further rows stand below the text, unless an indent is given."""
    indent = cells(lead) if indent is None else indent
    rows = textwrap.wrap(
        text,
        paint.width,
        initial_indent=" " * cells(lead),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    yield paint(lead_style, lead) + paint(style, rows[0][cells(lead) :] if rows else "")
    for row in rows[1:]:
        yield " " * indent + paint(style, row[indent:])


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
