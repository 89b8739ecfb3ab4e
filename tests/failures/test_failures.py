"""Failing programs: the right rule, the right line, the places that made it so, and the right numbers in the cure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from torchdoctor import catalogue
from torchdoctor.rule import Block, read_blocks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_MARK = re.compile(r"[ \t]*# <- (here|root)[ \t]*$")
_CLAIM = re.compile(r"^(rule|cure contains|first cure contains): *(.+?) *$")
SECONDS = 120
_OWN_PROCESS = re.compile(r"num_workers|torch\.compile|init_process_group|multiprocessing|torch\.export")
NONE = "none"  # the rule of what is not torch's fault: nothing is to be told


@dataclass(frozen=True)
class Program:
    """A failing program and what is to be told of it; lines count from the program's first."""

    name: str
    block: Block
    exception: str
    message: str
    here: int
    roots: frozenset[int]
    rule: str
    cures: tuple[str, ...]
    first: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(f"{_MARK.sub('', line)}\n" for line in self.block.text.splitlines())


@dataclass(frozen=True)
class Told:
    """What was told first: the rule, its line, the lines of its marks, its message and cures."""

    rule: str
    line: int
    marks: frozenset[int]
    message: str
    cures: tuple[str, ...]


def read(path: Path) -> Iterator[Program]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    titles = [(number, line[3:]) for number, line in enumerate(lines, 1) if line.startswith("## ")]
    blocks = list(read_blocks(text, path=path.name))
    for block, after in zip(blocks, [*(one.line for one in blocks[1:]), len(lines) + 1], strict=True):
        assert (block.language, block.word) == ("python", "fails"), f"{path.name}:{block.line}: {block.words}"
        below = lines[block.line + len(block.text.splitlines()) : after - 1]
        claims = [(found[1], found[2]) for line in below if (found := _CLAIM.match(line))]
        marks = [(n, found[1]) for n, line in enumerate(block.text.splitlines(), 1) if (found := _MARK.search(line))]
        here = [n for n, kind in marks if kind == "here"]
        rules = [value for key, value in claims if key == "rule"]
        title = [title for number, title in titles if number < block.line][-1]
        where = f"{path.name}:{block.line}: {title}"
        assert len(rules) == 1 and len(here) == (rules[0] != NONE), f"{where}: one `# <- here` and one `rule:`"
        assert rules[0] in (NONE, *catalogue.rules()), f"{where}: there is no rule {rules[0]}"
        yield Program(
            name=f"{path.stem}:{title.replace(' ', '-')}",
            block=block,
            exception=block.words[1],
            message=" ".join(block.words[2:]),
            here=here[0] if here else 0,
            roots=frozenset(n for n, kind in marks if kind == "root"),
            rule=rules[0],
            cures=tuple(value for key, value in claims if key != "rule"),
            first=tuple(value for key, value in claims if key.startswith("first")),
        )


@cache
def programs() -> list[Program]:
    return [program for path in sorted(HERE.glob("*.md")) if path.name != "README.md" for program in read(path)]


every = pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)


def hold(program: Program, told: Told | None, failed: str) -> None:
    """Every claim of the program; ``failed`` is how it ended, for the report."""
    if program.rule == NONE:
        assert told is None, f"{told} is told of what is not torch's fault: {failed}"
        return
    assert told is not None, f"nothing is told of it: {failed}"
    said = f"{told.rule} at {told.line}: {told.message}\nmarks: {sorted(told.marks)}\n" + "\n".join(told.cures)
    assert told.rule == program.rule, f"{said}\n{failed}"
    assert told.line == program.here, said
    assert program.roots <= told.marks, f"{said}\nno mark on {sorted(program.roots - told.marks)}"
    for wanted in program.cures:
        assert any(wanted in cure for cure in told.cures), f"{said}\nno cure holds {wanted}"
    for wanted in program.first:
        assert wanted in told.cures[0], f"{said}\nthe likeliest cure does not hold {wanted}"


@every
def test_the_explanation(program: Program) -> None:
    pytest.importorskip("torch")
    from torchdoctor.diagnose import diagnose
    from torchdoctor.pasted import failures_in
    from torchdoctor.probes.failure import failure_of
    from torchdoctor.project.tracefiles import TraceFiles
    from torchdoctor.proving import run

    told: list[Told] = []

    def witness(error: BaseException) -> None:
        for found in diagnose(failure_of(error), open_file=TraceFiles())[:1]:
            marks = frozenset(mark.at.line for mark in found.marks)
            told.append(Told(found.rule, found.at.line if found.at else 0, marks, found.message, found.cures))

    ended = run(program.text, page=program.name, witness=witness)
    assert ended is not None, "the program ran to its end"
    _, error, trace = ended
    assert program.exception in {kind.__name__ for kind in type(error).__mro__}, trace
    assert program.message in str(error), trace
    hold(program, next(iter(told), None), trace)
    if program.rule == NONE:
        pasted = [found.message for failure in failures_in(trace) for found in diagnose(failure)]
        assert not pasted, f"the pasted traceback is told of\n{trace}"


def _needs_its_own_process(program: Program) -> bool:
    """What starts processes, compiles or joins a group may go another way there than in this process."""
    return _OWN_PROCESS.search(program.text) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [one for number, one in enumerate(programs()) if number % 8 == 0 or _needs_its_own_process(one)],
    ids=lambda program: program.name,
)
def test_the_door(program: Program, tmp_path: Path) -> None:
    """As its user would, with an interpreter of its own: the claims are those that hold above, ten times as fast."""
    pytest.importorskip("torch")
    script, report = tmp_path / "program.py", tmp_path / "report.json"
    script.write_text(program.text, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    env.pop("TORCHDOCTOR_RAISE", None)
    command = [sys.executable, "-m", "torchdoctor", "run", "--report", str(report), str(script)]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 1 and report.is_file(), ended.stderr
    assert "Traceback (most recent call last):" in ended.stderr, "the program's own traceback is lost"
    findings: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["findings"]
    hold(program, told_in(findings[0]) if findings else None, ended.stderr)
    assert not findings or f"[{findings[0]['rule']}]" in ended.stderr, ended.stderr


def told_in(found: dict[str, Any]) -> Told:
    marks = frozenset(mark["line"] for mark in found.get("marks", ()))
    return Told(found["rule"], found.get("line") or 0, marks, found["message"], tuple(found["cures"]))


def test_titles_are_names() -> None:
    names = [program.name for program in programs()]
    assert len(set(names)) == len(names), "two programs of a page share a title"
