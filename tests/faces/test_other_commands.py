"""``torchdoctor explain``, ``rules`` and ``new``, and the help of all commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.faces.conftest import Command, Write
from torchdoctor import catalogue
from torchdoctor.faces import page as face
from torchdoctor.faces.cli import main
from torchdoctor.faces.paint import Paint
from torchdoctor.rule import SEVERITIES, TOPICS, read_page

RULE = "bare-grad-context"
COMMANDS = ("explain", "facts", "lint", "new", "rules", "run")


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=str)
def test_help_teaches(command: Command, arguments: list[str]) -> None:
    result = command(*arguments, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {' '.join(arguments)}".rstrip())
    assert "torchdoctor" in result.output
    assert max(map(len, result.output.splitlines())) <= 120
    for name in COMMANDS if not arguments else ():
        assert f"\n  {name} " in result.output


def test_a_command_that_is_not_there(command: Command) -> None:
    result = command("lnt")
    assert result.exit_code == 2 and "No such command 'lnt'" in result.stderr


# -- explain ---------------------------------------------------------------------------------------------------------


def test_a_page_is_markdown_in_a_pipe(command: Command) -> None:
    out = command("explain", RULE).output
    page = catalogue.page(RULE)
    assert out.startswith(page.body.splitlines()[0] + "\n")
    assert f"`{RULE}` · error · evaluation · mended by --fix · since 0.1.0" in out
    assert page.rule.see in out and "```python proof" in out and "\x1b" not in out


@pytest.mark.parametrize("rule", sorted(catalogue.rules()))
def test_every_page_can_be_laid_out(rule: str) -> None:
    for width in (40, 100, 300):
        out = face.terminal(catalogue.page(rule), Paint(True, width))
        plain = re.sub(r"\x1b\[[\d;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", out)
        assert "\x1b" in out and "Cure" in plain
        assert all(len(line) <= 100 for line in plain.splitlines())


def test_a_page_in_a_terminal_says_what_its_blocks_are(command: Command) -> None:
    out = command("explain", RULE, "--color", "always").output
    assert "the proof: it runs" in out and "```" not in out


def test_a_page_as_json(command: Command) -> None:
    document = json.loads(command("explain", RULE, "--format", "json").output)
    assert document["version"] == 1
    assert document["rule"]["name"] == RULE and document["rule"]["fix"] == "safe"
    assert document["page"] == catalogue.page(RULE).body


def test_a_rule_that_is_not_there(command: Command) -> None:
    result = command("explain", "bare-grad-contxt")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: there is no rule 'bare-grad-contxt'; did you mean bare-grad-context")


# -- rules -----------------------------------------------------------------------------------------------------------


def listed(command: Command, *arguments: str) -> list[str]:
    return re.findall(r"^  ([a-z0-9-]+)  ", command("rules", *arguments).output, flags=re.MULTILINE)


def test_rules_lists_them_all_by_topic(command: Command) -> None:
    assert listed(command) == list(catalogue.rules())
    out = command("rules").output
    assert out.splitlines()[0] in TOPICS
    assert out.endswith(f"{len(catalogue.rules())} rules; torchdoctor explain RULE shows one\n")
    columns = {line.index(word) for line in out.splitlines() for word in [severity_of(line)] if word}
    assert len(columns) == 1, "severities stand below each other"


def severity_of(line: str) -> str:
    return next((word for word in SEVERITIES if re.match(rf"  [a-z0-9-]+ +{word} ", line)), "")


def test_rules_can_be_chosen(command: Command) -> None:
    known = catalogue.rules().values()
    assert listed(command, "--topic", "lint", "--topic", "loss") == [
        r.name for r in known if r.topic in ("lint", "loss")
    ]
    assert listed(command, "--severity", "note") == [r.name for r in known if r.severity == "note"]
    assert listed(command, "--fixable") == [r.name for r in known if r.fix != "none"]
    assert listed(command, "--topic", "lint", "--severity", "error") == []
    document = json.loads(command("rules", "--topic", "lint", "--format", "json").output)
    assert [rule["name"] for rule in document["rules"]] == ["unused-suppression"]
    assert document["rules"][0].keys() >= {"topic", "severity", "summary", "cure", "fix", "since", "see", "default"}


def test_a_topic_that_is_not_there(command: Command) -> None:
    result = command("rules", "--topic", "los")
    assert result.exit_code == 2 and "loss" in result.stderr


# -- new -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout, which the command takes for its own."""
    root = write({"pyproject.toml": "", "rules/README.md": "", "torchdoctor/checks/__init__.py": ""})
    monkeypatch.setattr(catalogue, "folder", lambda: root / "rules")
    return root


def test_new_writes_a_page_and_a_check_that_can_be_filled_in(checkout: Path, command: Command) -> None:
    result = command("new", "training/some-new-fault")
    assert result.exit_code == 0
    page = checkout / "rules" / "training" / "some-new-fault.md"
    check = checkout / "torchdoctor" / "checks" / "training" / "some_new_fault.py"
    assert (check.parent / "__init__.py").is_file()
    read = read_page(page.read_text(), path=str(page), topic="training", name="some-new-fault")
    assert [block.word for block in read.blocks] == ["bad", "proof", "good"]
    compile(check.read_text(), "check", "exec")
    assert f"wrote {page.relative_to(checkout)}" in result.output
    assert "pytest" in result.output and "rules/README.md" in result.output


def test_what_new_writes_is_in_the_style_of_the_house(checkout: Path, command: Command) -> None:
    command("new", "training/some-new-fault")
    check = checkout / "torchdoctor" / "checks" / "training" / "some_new_fault.py"
    for tool in (
        ["check", "--isolated", "--select", "E,F,B,UP,RUF", "--line-length", "110"],
        ["format", "--check", "--isolated", "--line-length", "110"],
    ):
        done = subprocess.run([sys.executable, "-m", "ruff", *tool, str(check)], capture_output=True, text=True)
        if "No module named ruff" in done.stderr:
            pytest.skip("ruff is not installed")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("there", ["rules/training/a-fault.md", "torchdoctor/checks/training/a_fault.py"])
def test_new_overwrites_nothing(checkout: Path, command: Command, there: str) -> None:
    (checkout / there).parent.mkdir(parents=True)
    (checkout / there).write_text("mine")
    result = command("new", "training/a-fault")
    assert result.exit_code == 2 and "is there already" in result.stderr
    assert (checkout / there).read_text() == "mine"
    assert len(list(checkout.rglob("a?fault*"))) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a-fault", "a rule is named TOPIC/NAME, as training/a-fault; topics: training,"),
        ("nothing/a-fault", "topics: training,"),
        ("training/", "is no name for a rule"),
        ("training/A_Fault", "'A_Fault' is no name for a rule"),
        ("training/../x", "is no name for a rule"),
        ("training/warning", "'warning' is no name for a rule"),
        (f"training/{RULE}", f"the name {RULE} is taken by a rule of topic evaluation"),
    ],
)
def test_names_that_new_refuses(write: Write, command: Command, name: str, told: str) -> None:
    result = command("new", name)
    assert result.exit_code == 2 and told in result.stderr


def test_new_needs_a_checkout(write: Write, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "folder", lambda: Path("site-packages/torchdoctor/_rules"))
    result = command("new", "training/a-fault")
    assert result.exit_code == 2 and "installed, not a checkout" in result.stderr
    assert os.listdir() == [".git"]


def test_an_interrupt_ends_any_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(name: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "page", interrupt)
    result = CliRunner().invoke(main, ["explain", RULE])
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")
