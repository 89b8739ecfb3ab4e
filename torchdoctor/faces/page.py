"""A rule's page, for reading: in a terminal, as Markdown, as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

from torchdoctor.faces.paint import Paint
from torchdoctor.rule import Page, Rule

_FIXES = {"safe": "mended by --fix", "unsafe": "mended by --fix --unsafe-fixes", "none": "not mended by --fix"}
# What a block's word says to a reader.
_CAPTIONS = {
    "bad": "found (the lines that end in `# error`)",
    "good": "not found",
    "fixed": "after --fix",
    "proof": "the proof: it runs",
    "raises": "the proof: it fails",
    "output": "the report",
}


def markdown(page: Page) -> str:
    """The page as Markdown, with its facts in a line below the title."""
    title, _, rest = page.body.partition("\n")
    return f"{title}\n\n{_facts(page.rule)}\n{rest.rstrip()}\n\nSee {page.rule.see}\n"


def terminal(page: Page, paint: Paint) -> str:
    """The page laid out for a terminal, its code highlighted."""
    from rich.console import Console
    from rich.markdown import Markdown

    out = io.StringIO()
    width = min(paint.width, 100)
    console = Console(file=out, width=width, force_terminal=True, color_system="standard", legacy_windows=False)
    console.print(Markdown(_captioned(markdown(page)), code_theme="ansi_dark"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def as_json(page: Page) -> str:
    """The rule and its page as JSON."""
    return json.dumps({"version": 1, "rule": rule_json(page.rule), "page": page.body}, indent=2) + "\n"


def rule_json(rule: Rule) -> dict[str, Any]:
    """What a page's front matter says, as JSON has it."""
    return {**asdict(rule), "also": list(rule.also)}


def _facts(rule: Rule) -> str:
    facts = [f"`{rule.name}`", rule.severity, rule.topic, _FIXES[rule.fix], f"since {rule.since}"]
    if rule.torch:
        facts.append(f"torch {rule.torch}")
    if not rule.default:
        facts.append("off unless it is selected by name")
    text = " · ".join(facts) + f"\n\n**{rule.summary[:1].upper()}{rule.summary[1:]}:** {rule.cure}.\n"
    if rule.also:
        text += f"\nSee also {', '.join(f'`{name}`' for name in rule.also)}.\n"
    return text


def _captioned(text: str) -> str:
    """Each block with a line above that says what it is: a terminal shows no words behind a fence."""
    lines = []
    for line in text.splitlines():
        language, _, words = line.removeprefix("```").partition(" ")
        word = words.partition(" ")[0]
        if line.startswith("```") and word in _CAPTIONS:
            lines += [f"*{_CAPTIONS[word]}*", "", f"```{language}"]
        else:
            lines.append(line)
    return "\n".join(lines)
