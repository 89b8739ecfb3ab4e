"""``torchdoctor explain``: the page of a rule."""

from __future__ import annotations

import sys

import click

from torchdoctor import catalogue
from torchdoctor.faces import page as face
from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, is_terminal, wants_color, width_of

HELP = """Show what a rule finds, why it does harm, the proof, and the cure.

In a terminal the page is laid out and coloured; in a pipe it is plain Markdown.

\b
Examples:
  torchdoctor explain softmax-before-cross-entropy
  torchdoctor explain missing-zero-grad > missing-zero-grad.md
"""


@click.command("explain", help=HELP, short_help="Show the page of a rule.")
@click.argument("rule")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to show it.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
def command(rule: str, format_: str, color: str) -> None:
    page = catalogue.page(rule)
    if format_ == "json":
        say(face.as_json(page))
    elif color != "never" and (color == "always" or is_terminal(sys.stdout)) and wants_color(color, sys.stdout):
        say(face.terminal(page, Paint(True, width_of(sys.stdout))))
    else:
        say(face.markdown(page))
