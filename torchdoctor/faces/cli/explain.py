"""``torchdoctor explain``: the page of a rule, a pasted failure, or the last crash."""

from __future__ import annotations

import sys

import click

from torchdoctor import catalogue
from torchdoctor.faces import page as face
from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, is_terminal, wants_color, width_of

HELP = """Show what a rule finds and its cure; or explain a failure.

\b
Examples:
  torchdoctor explain softmax-before-cross-entropy   the page of a rule
  torchdoctor explain -                              a traceback or message that you paste
  torchdoctor explain - < slurm-1234.out             a whole log, of one process or of many ranks
  python train.py 2>&1 | torchdoctor explain -
  torchdoctor explain                                the last crash in C++, which raised no exception

With - standard input is read: tracebacks of terminals, notebooks, pytest and rich, with the prefixes of ranks and
times, or a message alone. A text has no tensors, so that less is known than after `torchdoctor run`. Where the files
of a traceback lie here, the same as they were, the places are marked where layers are built and values made.
A crash is known where the program ran under `torchdoctor run` or `torchdoctor.install()`.

In a terminal a page is laid out and coloured; in a pipe it is plain Markdown.

Exit code: 0 something is explained or shown, 1 nothing is known of the failure, or there is none, 2 no such rule.
"""


@click.command("explain", help=HELP, short_help="Show the page of a rule, or explain a failure.")
@click.argument("rule", required=False, metavar="[RULE | -]")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to show it.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
def command(rule: str | None, format_: str, color: str) -> None:
    if rule is None or rule == "-":
        from torchdoctor.faces.cli._failures import explain_crash, explain_input

        sys.exit((explain_crash if rule is None else explain_input)(format_, color))
    page = catalogue.page(rule)
    if format_ == "json":
        say(face.as_json(page))
    elif color != "never" and (color == "always" or is_terminal(sys.stdout)) and wants_color(color, sys.stdout):
        say(face.terminal(page, Paint(True, width_of(sys.stdout))))
    else:
        say(face.markdown(page))
