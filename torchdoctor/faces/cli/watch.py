"""``torchdoctor watch``: the record of a watched run, later or while it runs."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, is_terminal, wants_color, width_of

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.step_record import WatchRecord

HELP = """Show the record of a watched run: where its time and memory went, and what is wrong.

\b
Examples:
  torchdoctor run --watch train.py           make a record; the folder is named at the end
  torchdoctor watch runs/train-20260131-0945 show it: of all ranks, and drawn
  torchdoctor watch --follow runs/x          the same again and again, while the run goes on (Ctrl-C ends it)
  torchdoctor watch --svg run.svg runs/x     as one picture
  torchdoctor watch --tensorboard tb runs/x  as event files for TensorBoard

DIR is the folder of a run, or the file of one rank. A run that was killed has a record up to its last half second.

Exit code: 0 nothing of severity warning or above is found, 1 something is, 2 there is no such record.
"""
_EVERY_S = 2.0


@click.command("watch", help=HELP, short_help="Show the record of a run that was watched.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--follow", is_flag=True, help="Show it anew every two seconds, until the run ends.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write a picture, of the first rank.")
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="FOLDER", help="Write event files there.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to show it.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
def command(folder: Path, follow: bool, svg: Path | None, tensorboard: Path | None, format_: str, color: str) -> None:
    from torchdoctor.faces.watched import judged
    from torchdoctor.faces.watched_files import records_of

    paint = Paint(wants_color(color, sys.stdout), width_of(sys.stdout))
    if follow:
        _follow(folder, paint)
    ranks = records_of(folder)
    findings = judged(ranks)
    if format_ == "json":
        say(_json(ranks, findings))
    elif not follow:
        say(_text(ranks, findings, paint, folder))
    if svg is not None:
        from torchdoctor.faces.svg import picture
        from torchdoctor.faces.writing import write

        write(svg, picture(ranks[0], [found.message for found in findings]))
    if tensorboard is not None:
        from torchdoctor.faces.tensorboard import export

        export(ranks, tensorboard)
    sys.exit(1 if any(_severe(found) for found in findings) else 0)


def _severe(found: Finding) -> bool:
    from torchdoctor.project.report import severity

    return severity(found) in ("error", "warning")


def _text(ranks: list[WatchRecord], findings: list[Finding], paint: Paint, folder: Path) -> str:
    from torchdoctor.faces.charts import charts
    from torchdoctor.faces.watched import verdict

    drawn = charts(ranks[0], paint, plain=not _draws_boxes())
    return (f"{drawn}\n" if drawn else "") + verdict(ranks, findings, paint, None)


def _draws_boxes() -> bool:
    try:
        "█░│".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _json(ranks: list[WatchRecord], findings: list[Finding]) -> str:
    from torchdoctor.faces.json import finding
    from torchdoctor.record_json import plain

    told = [{**finding(found), "cures": list(found.cures)} for found in findings]
    return json.dumps({"version": 1, "ranks": [plain(one) for one in ranks], "findings": told}, indent=2) + "\n"


def _follow(folder: Path, paint: Paint) -> None:
    """Show the run until it ends; Ctrl-C ends the showing, and the run goes on."""
    from torchdoctor.faces.watched import judged
    from torchdoctor.faces.watched_files import records_of

    try:
        while True:
            ranks = records_of(folder)
            shown = _text(ranks, judged(ranks), paint, folder)
            say(("\x1b[H\x1b[2J" if is_terminal(sys.stdout) else "") + shown)
            if all(one.ended for one in ranks):
                return
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:
        return
