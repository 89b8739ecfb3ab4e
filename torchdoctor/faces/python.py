"""torchdoctor from Python: ``torchdoctor.lint`` and ``torchdoctor.explain``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import overload

from torchdoctor import catalogue, config
from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.finding import Finding
from torchdoctor.project.report import Report


def lint(
    *paths: str | os.PathLike[str],
    text: str | None = None,
    filename: str = "<string>",
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    settings: bool = True,
    jobs: int = 1,
) -> Report:
    """Look for what is wrong in files and folders, or in one text.

    The report is a sequence of findings, in order of place; ``report.failures`` tells what could not be done, and
    ``report.files`` how many files were looked at. ``select`` and ``ignore`` take rule names, topics, severities and
    ``all``; what is selected takes the place of what the settings select and ignore. With ``settings`` False no
    settings are read from files. ``text`` is looked at as if it stood in ``filename``. Nothing is remembered from call
    to call; ``jobs`` above 1 starts worker processes, for which a script needs its ``__main__`` guard.

    Raises UnknownRule for a word that selects nothing, ConfigError for settings that cannot be used.
    """
    if (text is None) == (not paths):
        raise TypeError("lint takes paths, or text, and not both")
    from torchdoctor.project.run import Run

    named = [Path(path) for path in paths] or [Path(filename)]
    chosen = config.load(named, isolated=not settings)
    if select := tuple(select):
        chosen = replace(chosen, select=select, extend_select=(), ignore=())
    run = Run(replace(chosen, ignore=(*chosen.ignore, *ignore), jobs=jobs), [] if text is not None else named)
    return run.report() if text is None else _lint_text(run, text, filename)


@overload
def explain(what: str) -> str: ...
@overload
def explain(what: BaseException) -> list[Finding]: ...
def explain(what: str | BaseException) -> str | list[Finding]:
    """The page of a rule as Markdown; or, for an exception that was raised, what is wrong, the likeliest first.

    Of an exception that is not torch's, or of which nothing is known, there are no findings. Nothing of the program
    is run for it, and nothing of it is kept. Raises UnknownRule for a rule that is none, with the nearest names.
    """
    if isinstance(what, BaseException):
        return _diagnosed(what)
    from torchdoctor.faces.page import markdown

    return markdown(catalogue.page(what))


def _diagnosed(error: BaseException) -> list[Finding]:
    from torchdoctor.diagnose import diagnose
    from torchdoctor.probes.failure import failure_of
    from torchdoctor.project.tracefiles import TraceFiles

    try:
        return diagnose(failure_of(error), open_file=TraceFiles(), on_error=_told)
    except Exception as fault:
        _told("a sign", fault)
        return []


def _told(rule: str, error: Exception) -> None:
    """A fault of ours is one line, never a traceback over the user's; under test it is raised."""
    if FAULTS_ARE_RAISED in os.environ:
        raise error
    print(f"torchdoctor: {rule} could not look at this failure ({type(error).__name__}: {error})", file=sys.stderr)


def _lint_text(run: object, text: str, filename: str) -> Report:
    from torchdoctor.project.examiner import Examiner
    from torchdoctor.project.run import Run, report_of
    from torchdoctor.project.stack import deep

    assert isinstance(run, Run)
    path = os.path.abspath(filename)
    data = text.encode("utf-8", "surrogatepass")
    result = deep(lambda: Examiner(run.roots).examine_bytes(data, path, run.rules_for(path)))
    told = run.narrowing.narrowed(path, result.findings, text)
    return report_of([replace(result, findings=tuple(told))], files=1)
