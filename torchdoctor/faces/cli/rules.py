"""``torchdoctor rules``: all that torchdoctor looks for."""

from __future__ import annotations

import json
import sys
from itertools import groupby

import click

from torchdoctor import catalogue
from torchdoctor.faces.cli._console import say
from torchdoctor.faces.page import rule_json
from torchdoctor.faces.paint import Paint, cells, is_terminal, wants_color, width_of
from torchdoctor.rule import SEVERITIES, TOPICS, Rule

HELP = """List the rules, topic by topic.

\b
Examples:
  torchdoctor rules --topic training --topic grad
  torchdoctor rules --severity error --fixable
  torchdoctor rules --format json

A * marks the rules whose findings --fix mends, a ? those that it mends with --unsafe-fixes, and (off) those that run
only when they are selected by name.
"""
_MARKS = {"safe": "*", "unsafe": "?", "none": " "}


@click.command("rules", help=HELP, short_help="List the rules.")
@click.option(
    "--topic", "topics", multiple=True, type=click.Choice(TOPICS), metavar="TOPIC", help="Only of this topic."
)
@click.option("--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Only of this severity.")
@click.option("--fixable", is_flag=True, help="Only those that --fix, or --fix --unsafe-fixes, can mend.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="As what to list them.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
def command(topics: tuple[str, ...], severities: tuple[str, ...], fixable: bool, format_: str, color: str) -> None:
    chosen = [
        rule
        for rule in catalogue.rules().values()
        if (not topics or rule.topic in topics)
        and (not severities or rule.severity in severities)
        and (not fixable or rule.fix != "none")
    ]
    if format_ == "json":
        say(json.dumps({"version": 1, "rules": [rule_json(rule) for rule in chosen]}, indent=2) + "\n")
    else:
        width = width_of(sys.stdout) if is_terminal(sys.stdout) else 1000  # a pipe may search the whole line
        say(listing(chosen, Paint(wants_color(color, sys.stdout), width)))


def listing(rules: list[Rule], paint: Paint) -> str:
    """The rules in columns, grouped by topic, with how many there are."""
    width = max((len(rule.name) for rule in rules), default=0)
    blocks = []
    for topic, group in groupby(rules, key=lambda rule: rule.topic):
        rows = [_row(rule, width, paint) for rule in group]
        blocks.append("\n".join([paint("strong", topic), *rows]) + "\n")
    count = f"{len(rules)} rule" if len(rules) == 1 else f"{len(rules)} rules"
    return "\n".join([*blocks, f"{count}; torchdoctor explain RULE shows one\n"])


def _row(rule: Rule, width: int, paint: Paint) -> str:
    lead = f"  {rule.name:{width}}  "
    summary = rule.summary if rule.default else f"(off) {rule.summary}"
    room = paint.width - len(lead) - 11
    if room >= 20 and cells(summary) > room:
        summary = summary[: room - 3].rstrip() + "..."
    return f"{lead}{paint(rule.severity, f'{rule.severity:7}')} {paint('cure', _MARKS[rule.fix])} {summary}".rstrip()
