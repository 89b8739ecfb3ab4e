"""The README shows what is: its report is a real one, its commands and names exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from torchdoctor import catalogue
from torchdoctor.config import load
from torchdoctor.faces.cli import main
from torchdoctor.rule import Block, read_blocks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_REPORT = re.compile(
    r"(?<=<!-- examples/merge_heads\.expected\.txt -->\n```text\n).*?(?=^```$)", re.DOTALL | re.MULTILINE
)


def blocks(language: str) -> list[Block]:
    return [b for b in read_blocks(README.read_text(encoding="utf-8"), path="README.md") if b.language == language]


def test_the_report_is_the_report_of_the_example(pytestconfig: pytest.Config) -> None:
    text = README.read_text(encoding="utf-8")
    report = (ROOT / "examples" / "merge_heads.expected.txt").read_text(encoding="utf-8")
    if pytestconfig.getoption("--bless"):
        README.write_text(_REPORT.sub(lambda _: report, text, count=1), encoding="utf-8")
    else:
        assert _REPORT.findall(text) == [report], "the report is old: pytest --bless tests/test_readme.py"


def test_the_options_and_rules_that_it_names_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    commands = [shlex.split(line, comments=True) for block in blocks("bash") for line in block.text.splitlines()]
    ours = [words[1:] for words in commands if words[:1] == ["torchdoctor"]]
    assert len(ours) >= 8
    for words in ours:
        if words[0] == "lint":
            command = main.get_command(click.Context(main), "lint")
            assert command is not None
            options = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("-")} <= options
        elif words == ["explain"] or words[0] in (
            "run",
            "profile",
        ):  # the last crash of this machine; a program that is not there
            continue
        else:
            assert CliRunner().invoke(main, words).exit_code == 0, words
    for selected in re.findall(r"--select (\S+)", README.read_text(encoding="utf-8")):
        assert catalogue.select(selected.split(","))


def test_the_configuration_that_it_shows_is_accepted(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    (tmp_path / "pyproject.toml").write_text(block.text)
    settings = load([tmp_path])
    assert settings.ignore == ("speed",) and settings.per_file_ignores


def test_the_comment_that_it_shows_names_a_rule() -> None:
    shown = next(b.text for b in blocks("python") if "ignore[" in b.text)
    assert set(re.findall(r"ignore\[(.+?)\]", shown)) <= set(catalogue.rules())


def test_the_two_commands_are_there() -> None:
    first, second = [b.text.strip() for b in blocks("bash")][:2]
    assert first.endswith("torchdoctor lint examples") and second == "bash .ci/run"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
