"""Whole programs with one ailment each: found before the run, silent once mended. README.md beside this tells more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from torchdoctor import catalogue, testing
from torchdoctor.finding import Finding
from torchdoctor.rule import Block, read_blocks
from torchdoctor.testing import Part

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_MARK = re.compile(r"[ \t]*# error: (?P<rule>[a-z0-9-]+)[ \t]*$", re.MULTILINE)
LEAST = 60  # programs
SECONDS = 120


@dataclass(frozen=True)
class Program:
    """A sick program and its mended twin. ``how``: raises, silent or unrun; ``failure``: the exception's name and a
    part of its message."""

    page: str
    title: str
    line: int
    how: str
    failure: tuple[str, str]
    sick: Block
    mended: Block

    @property
    def name(self) -> str:
        return f"{self.page}:{self.title.replace(' ', '-')}"


def read(path: Path) -> Iterator[Program]:
    """The programs of one page."""
    text = path.read_text(encoding="utf-8")
    titles = [(number, line[3:]) for number, line in enumerate(text.splitlines(), 1) if line.startswith("## ")]
    blocks = list(read_blocks(text, path=path.name))
    for sick, diff in zip(blocks[::2], blocks[1::2], strict=True):
        assert (sick.language, sick.word, diff.language) == ("python", "sick", "diff"), f"{path.name}:{sick.line}"
        how, *failure = sick.words[1:]
        assert how in ("raises", "silent", "unrun"), f"{path.name}:{sick.line}: {how}"
        kind, message = (failure[0], " ".join(failure[1:])) if failure else ("", "")
        title = [title for number, title in titles if number < sick.line][-1]
        mended = Block(
            "python", ("mended",), changed(_MARK.sub("", sick.text), diff.text, f"{path.name}:{diff.line}"), sick.line
        )
        yield Program(path.stem, title, sick.line, how, (kind, message), sick, mended)


def changed(text: str, diff: str, where: str) -> str:
    """The text with each hunk of a diff carried out: the lines taken away stand in it just once."""
    for old, new in hunks(diff):
        assert text.count(old) == 1, f"{where}: {text.count(old)} places for\n{old}"
        text = text.replace(old, new)
    return text


def hunks(diff: str) -> Iterator[tuple[str, str]]:
    old = new = ""
    for line in [*diff.splitlines(keepends=True), "-"]:
        if line.startswith("-") and new:
            yield old, new
            old = new = ""
        old, new = (old + line[1:], new) if line.startswith("-") else (old, new + line[1:])


@cache
def programs() -> list[Program]:
    return [program for path in sorted(HERE.glob("*.md")) if path.name != "README.md" for program in read(path)]


every = pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)


def findings(block: Block) -> list[tuple[Part, Finding]]:
    """The errors and warnings that lint finds in all files of a program."""
    parts = testing.parts_of(replace(block, text=_MARK.sub("", block.text)))
    loud = {name for name in catalogue.select() if catalogue.rule(name).severity != "note"}
    return [(part, found) for part, all_ in testing.lint_parts(parts, loud) for found in all_]


def told(found: list[tuple[Part, Finding]]) -> list[str]:
    return sorted(f"{part.line + f.at.line - 1 if f.at else 0}: {f.rule}" for part, f in found)


def marked(block: Block) -> list[str]:
    """The findings that the comments ask for, by line of the page."""
    lines = enumerate(block.text.splitlines(), block.line)
    return sorted(f"{number}: {mark['rule']}" for number, line in lines if (mark := _MARK.search(line)))


def asked_for(program: Program) -> set[str]:
    """The rules that the comments name."""
    return {mark.partition(": ")[2] for mark in marked(program.sick)}


@every
def test_the_ailment_is_found_before_the_run(program: Program) -> None:
    assert asked_for(program) <= set(catalogue.rules()), f"{program.name} names a rule that is not there"
    found = findings(program.sick)
    assert marked(program.sick), f"{program.name} marks no line"
    said = "\n".join(f"{part.path}:{f.at.line if f.at else 0}: {f.rule}: {f.message}" for part, f in found)
    assert told(found) == marked(program.sick), f"{program.page}.md:{program.line}\n{said}"


@every
def test_the_mended_program_is_silent(program: Program) -> None:
    said = [f"{part.path}:{f.at.line if f.at else 0}: {f.rule}: {f.message}" for part, f in findings(program.mended)]
    assert not said, f"{program.page}.md:{program.line}\n" + "\n".join(said)


def test_there_are_enough_and_each_rule_has_two() -> None:
    rules = Counter(rule for program in programs() for rule in asked_for(program))
    assert len(programs()) >= LEAST
    assert len({program.name for program in programs()}) == len(programs()), "two programs share a title"
    assert sum(count > 1 for count in rules.values()) >= 25, "ailments are written in two styles at least"


# -- what torch says of it ---------------------------------------------------------------------------------------------

runnable = [program for program in programs() if program.how != "unrun"]


def run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the last file of a program with those beside it."""
    parts = testing.parts_of(block)
    for part in parts:
        path = folder / (part.path if len(parts) > 1 else "program.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(part.text, encoding="utf-8")
    script = parts[-1].path if len(parts) > 1 else "program.py"
    env = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, script]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("program", runnable, ids=lambda program: program.name)
def test_torch_agrees(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    sick = run(program.sick, tmp_path / "sick")
    if program.how == "raises":
        kind, message = program.failure
        last = sick.stderr.strip().splitlines()[-1:] or ["nothing"]
        assert sick.returncode != 0 and kind in sick.stderr and message in sick.stderr, f"it ended with: {last[0]}"
    else:
        assert sick.returncode == 0, sick.stderr
    mended = run(program.mended, tmp_path / "mended")
    assert mended.returncode == 0, mended.stderr
