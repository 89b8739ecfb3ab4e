"""``torchdoctor profile``: profile some steps of a program, or judge a trace that is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from torchdoctor.faces.cli import run
from torchdoctor.faces.cli._console import Progress, say
from torchdoctor.faces.paint import Paint, wants_color, width_of

HELP = """Profile some steps of a program, and say what they spend their time on and what is wrong with it.

\b
Examples:
  torchdoctor profile train.py --epochs 3
  torchdoctor profile --steps 10 --out runs/first -m package.train
  torchdoctor profile --from runs/first                        the newest trace in a folder, or that of each rank
  torchdoctor profile --from trace.json.gz --format json       a trace of anyone's, read without torch
  torchrun --nproc-per-node 4 -m torchdoctor profile train.py

The program runs as python runs it, with its own arguments, standard input and output, and exit code. Its steps are
found by its optimizer, or by the batches of its DataLoader; the first ones pass at full speed, then some are recorded,
then it runs on. The verdict comes on standard error when it ends. The folder opens in TensorBoard, where the plugin
torch-tb-profiler is installed. Of several processes each writes its own trace, and rank 0 tells; --from with their
folder compares all: which rank is late, in what, and by how much.

A trace may be one of torch.profiler of any version, of gigabytes, compressed or not, on CPU and GPUs. What breaks off
in the middle is read as far as it goes.

Exit code: with a program its own; with --from 0 nothing is wrong, 1 something is, 2 it is no trace.
"""
_VALUES = ("--out", "--steps", "--wait", "--format", "--color", "--from")


class _Profile(click.Command):
    """All that stands behind the script or the module is the program's, options as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*run.split(args, _VALUES)])


@click.command("profile", cls=_Profile, help=HELP, short_help="Profile some steps of a program, or judge a trace.")
@click.option("--from", "trace", type=click.Path(path_type=Path), metavar="TRACE", help="Judge this file or folder.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where traces go. [torchdoctor-profile]")
@click.option("--steps", type=click.IntRange(1, 1000), default=5, help="How many steps to record. [5]")
@click.option("--wait", type=click.IntRange(0), default=3, help="How many steps pass before. [3]")
@click.option(
    "--no-stacks", is_flag=True, help="Record no Python stacks: the steps are slowed less, no lines are told."
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to tell it.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
@click.option("-m", "--module", metavar="MODULE", help="Run a module, as python -m does.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGS]...")
def command(
    trace: Path | None,
    out: Path | None,
    steps: int,
    wait: int,
    no_stacks: bool,
    format_: str,
    color: str,
    module: str | None,
    program: tuple[str, ...],
) -> None:
    if trace is not None:
        if program or module is not None:
            raise click.UsageError("--from judges a trace that is there: name no program with it.")
        sys.exit(_judge(trace, format_, color))
    if module is None and not program:
        raise click.UsageError("which program? Name a script, a module after -m, or a trace after --from.")
    folder = str((out or Path("torchdoctor-profile")).absolute())
    options = {"out": folder, "active": steps, "wait": wait, "stacks": not no_stacks, "format": format_, "color": color}
    run.launch(module, program, {"TORCHDOCTOR_RUN_PROFILE": json.dumps(options)})


def _judge(trace: Path, format_: str, color: str) -> int:
    """Read a trace and tell the verdict. Returns the exit code."""
    from torchdoctor.faces.trace_text import judged, render
    from torchdoctor.traces.opening import by_rank, traces_in
    from torchdoctor.traces.reading import read

    if trace.is_dir() and (ranks := by_rank(trace)):
        return _compare(ranks, format_, color)
    progress = Progress(sys.stderr, quiet=format_ == "json", unit="MB")
    try:
        record = read(trace, lambda done, of: progress(done >> 20, of >> 20))
    finally:
        progress.close()
    others = len(traces_in(trace)) - 1 if trace.is_dir() else 0
    if others:
        say(f"judged is the newest, {record.source}; there are {others} more in this folder\n", err=True)
    findings = judged(record)
    if format_ == "json":
        from torchdoctor.faces.trace_json import report

        say(report(record, findings, [record.source]))
    else:
        say(render(record, findings, Paint(wants_color(color, sys.stdout), width_of(sys.stdout))))
    return 1 if findings else 0


def _compare(traces: list[Path], format_: str, color: str) -> int:
    """Read the traces of several ranks, tell which is late, and then the verdict on that one. Returns the exit code."""
    from torchdoctor.faces import ranks_text, trace_text
    from torchdoctor.trace_record import RanksTraceRecord
    from torchdoctor.traces.reading import read

    progress = Progress(sys.stderr, quiet=format_ == "json", unit="traces")
    records = []
    try:
        for number, trace in enumerate(traces):
            progress(number, len(traces))
            records.append(read(trace))
    finally:
        progress.close()
    run = RanksTraceRecord(tuple(records))
    between = ranks_text.compared(run)
    one = ranks_text.slowest(run)
    own = trace_text.judged(one)
    if format_ == "json":
        from torchdoctor.faces.trace_json import report

        say(report(one, [*between, *own], [record.source for record in records], run))
    else:
        paint = Paint(wants_color(color, sys.stdout), width_of(sys.stdout))
        say(ranks_text.render(run, between, paint))
        say(f"\n{trace_text.render(one, own, paint)}")
    return 1 if between or own else 0
