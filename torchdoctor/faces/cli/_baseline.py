"""``torchdoctor lint --write-baseline``: note what is found, so that later runs leave it out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from torchdoctor.baseline import render
from torchdoctor.faces.cli._console import Progress, say
from torchdoctor.faces.cli._trouble import tell_trouble
from torchdoctor.faces.writing import write
from torchdoctor.project.discovery import discover
from torchdoctor.project.known import NAME, refuse, rewritten
from torchdoctor.project.report import Examined
from torchdoctor.project.run import report_of
from torchdoctor.project.shown import shown

if TYPE_CHECKING:
    from torchdoctor.project.run import Run


def write_baseline(run: Run, named: str, *, quiet: bool) -> int:
    """Write the baseline of this run's files; entries of files and rules that it does not look at stay.

    ``named`` is where, "" for the baseline that the settings name, or the usual one. Returns the exit code.
    """
    settings = run.settings
    used = settings.baseline_path
    path = Path(os.path.abspath(named)) if named else used or settings.root / NAME
    refuse(path)
    found = discover(run.paths, settings)
    progress = Progress(sys.stderr, quiet=quiet)
    try:
        results = run.look(found.files, progress)
    finally:
        progress.close()
    baseline, count, gone = rewritten(path, results, run.looked(results))
    write(path, render(baseline))
    results += [Examined(failed.path, "", failures=(failed,)) for failed in found.failures]
    report = report_of(results, files=len(found.files), warnings=found.warnings)
    if not quiet:
        say(_told(path, count, gone, in_use=path == used))
    tell_trouble(report, quiet=quiet)
    return 2 if report.failures else 0


def _told(path: Path, count: int, gone: int, *, in_use: bool) -> str:
    told = f"{shown(str(path))} knows {count} finding{'' if count == 1 else 's'} of these files"
    if gone:
        told += f"; {gone} that {'is' if gone == 1 else 'are'} gone {'was' if gone == 1 else 'were'} taken out"
    if not in_use:
        told += f'\nname it: baseline = "{shown(str(path))}" in [tool.torchdoctor], or --baseline'
    return f"{told}\n"
