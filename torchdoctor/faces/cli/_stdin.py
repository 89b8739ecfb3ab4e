"""``torchdoctor lint -``: one text from standard input; with --fix, the mended text on standard output."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from torchdoctor.project.stack import deep

if TYPE_CHECKING:
    from torchdoctor.faces.cli.lint import _Options
    from torchdoctor.project.run import Run

NAME = "<stdin>"


def lint_stdin(run: Run, filename: Path | None, options: _Options) -> int:
    """Look at standard input as if it stood in the file of that name. Returns the exit code."""
    from torchdoctor.faces.cli.lint import show, show_diff
    from torchdoctor.faces.lines import Lines
    from torchdoctor.project.examiner import Examiner
    from torchdoctor.project.mending import Change, Mending, mend_source
    from torchdoctor.project.report import Failure
    from torchdoctor.project.run import report_of
    from torchdoctor.project.shown import shown
    from torchdoctor.project.source import Source, Unreadable, decode

    data = sys.stdin.buffer.read()
    path = str((filename or Path(NAME)).absolute())
    examiner = Examiner(run.roots)
    try:
        source = decode(data)
    except Unreadable:
        source = Source("")
    result = deep(lambda: examiner.examine_bytes(data, path, run.rules_for(path)))
    told = run.narrowing.narrowed(path, result.findings, source.text)
    report = report_of([replace(result, findings=tuple(told))], files=1)
    report.left_out = run.narrowing.said()
    change = Change(shown(path), source, source.text, 0)
    if (options.fix or options.diff) and not report.failures:
        try:
            change, left = deep(lambda: mend_source(source, path, run, examiner, options.unsafe))
            if options.fix:
                report.findings = left
        except Unreadable as error:
            report.failures.append(Failure(shown(path), str(error), error.line))
    if options.diff:
        return show_diff(Mending(report, [change] if change.mended else []), options)
    if options.fix:
        sys.stdout.buffer.write(source.encode(change.after) if change.mended else data)
    lines = Lines({shown(path): change.after})
    show(report, lines, run.settings, options, mended=change.mended, err=options.fix)
    return report.exit_code(run.settings.fail_on)
