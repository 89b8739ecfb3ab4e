"""``torchdoctor new``: the beginnings of a rule, its page and its check."""

from __future__ import annotations

import re
from pathlib import Path

import click

import torchdoctor
from torchdoctor import catalogue
from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.cli._console import say
from torchdoctor.rule import SEVERITIES, TOPICS

HELP = """Begin a rule: write its page and its check, to be filled in.

NAME is TOPIC/NAME and names the fault. This works in a checkout of torchdoctor's repository.

\b
Example:
  torchdoctor new training/step-before-backward
"""

PAGE = """---
summary: SUMMARY, what is wrong in one line
severity: warning
cure: CURE, what to do in one imperative line
fix: none
since: {version}
see: https://docs.pytorch.org/docs/stable/index.html
---

# TITLE, the ailment

What happens, and why it does harm: two to six sentences, with numbers where there are any.

```python bad
import torch

torch.FUNCTION()  # error
```

```python proof
import torch

# Do the wrong thing and assert the damage; then do the cured thing and assert that the damage is gone.
assert False, "to be written"
```

## Cure

What to write, and what it changes.

```python good
import torch
```

## When to ignore it

Where the rule is right about the code and the code is right all the same.
"""

CHECK = '''"""What it looks for, in a sentence. Silent where: the cases that look the same and are right."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_call
from torchdoctor.facts.file import File


@on_call("torch.FUNCTION")
def check(file: File, call: cst.Call) -> Iterator[Found]:
    yield Found(call, "what is so in this code, with its names and numbers")
'''


@click.command("new", help=HELP, short_help="Begin a rule: its page and its check.")
@click.argument("name")
def command(name: str) -> None:
    root = _checkout()
    topic, rule = _split(name)
    page = root / "rules" / topic / f"{rule}.md"
    check = root / "torchdoctor" / "checks" / topic / f"{rule.replace('-', '_')}.py"
    for path in (page, check):
        if path.exists():
            raise TorchdoctorError(f"{_shown(path)} is there already")
    package = check.parent / "__init__.py"
    for path, text in ((page, PAGE.format(version=torchdoctor.__version__)), (check, CHECK), (package, "")):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            say(f"wrote {_shown(path)}\n")
    say(
        f"\nWhat to do next:\n"
        f"  1. fill in {_shown(page)}; rules/README.md tells its form\n"
        f"  2. write the check; torchdoctor/check.py tells how\n"
        f"  3. run  pytest {_shown(page)} tests/test_house.py\n"
    )


def _checkout() -> Path:
    root = catalogue.folder().parent
    if catalogue.folder().name != "rules" or not (root / "pyproject.toml").is_file():
        raise TorchdoctorError("this torchdoctor is installed, not a checkout: there is no place for a new rule")
    return root


def _split(name: str) -> tuple[str, str]:
    topic, slash, rule = name.partition("/")
    if not slash or topic not in TOPICS:
        raise TorchdoctorError(f"a rule is named TOPIC/NAME, as training/{rule or topic}; topics: {', '.join(TOPICS)}")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule) or rule in (*TOPICS, *SEVERITIES, "all"):
        raise TorchdoctorError(f"{rule!r} is no name for a rule: lower-case words joined by dashes, naming the fault")
    if rule in catalogue.rules():
        raise TorchdoctorError(f"the name {rule} is taken by a rule of topic {catalogue.rule(rule).topic}")
    return topic, rule


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
