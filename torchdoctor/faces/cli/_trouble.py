"""What a lint run has to say besides its findings, on standard error."""

from __future__ import annotations

import sys

from torchdoctor.faces import text
from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, wants_color, width_of
from torchdoctor.project.report import Report


def tell_trouble(report: Report, *, color: str = "auto", quiet: bool = False) -> None:
    """Warnings and notes, unless quiet; and what could not be done."""
    paint = Paint(wants_color(color, sys.stderr), width_of(sys.stderr))
    if not quiet:
        for level, told in (("warning", report.warnings), ("note", report.notes)):
            for each in told:
                say(f"{paint(level, level)}: {each}\n", err=True)
    for failed in report.failures:
        say(text.failure(failed, paint), err=True)
