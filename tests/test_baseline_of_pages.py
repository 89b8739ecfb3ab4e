"""Every rule's own examples: what is known of them stays known when the code around them moves or is formatted anew."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from torchdoctor import catalogue
from torchdoctor.baseline import Baseline, Entry
from torchdoctor.fingerprint import Fingerprint, Text
from torchdoctor.project.examiner import findings_in

TEXTS = [
    (name, block.text)
    for name in sorted(catalogue.rules())
    for block in catalogue.page(name).blocks
    if block.words[:1] == ("bad",) and "# file:" not in block.text
]


@cache
def prints(text: str) -> list[Fingerprint]:
    reader = Text(text)
    return [reader.fingerprint(found) for found in findings_in(text, "a.py", rules=catalogue.select())]


def below_a_licence(text: str) -> str:
    return ("# Some words.\n" * 3 + "\n" + text).replace("\n", "\r\n")


def in_a_block(text: str) -> str:
    return "if True:\n" + "".join(f"    {line}" if line.strip() else line for line in text.splitlines(True))


def between_statements(text: str) -> str:
    """A statement more before every statement."""
    lines = text.splitlines(True)
    places = set()
    for node in ast.walk(ast.parse(text)):
        for part in ("body", "orelse", "finalbody"):
            inner = getattr(node, part, ())
            for each in inner if isinstance(inner, list) else ():
                first = min([each.lineno, *(found.lineno for found in getattr(each, "decorator_list", ()))])
                if not lines[first - 1][: each.col_offset].strip() and not lines[first - 1].lstrip().startswith("elif"):
                    places.add((first, each.col_offset))
    for line, column in sorted(places, reverse=True):
        lines.insert(line - 1, " " * column + f"more_{line} = {line}\n")
    return "".join(lines)


@pytest.mark.parametrize("edit", [below_a_licence, in_a_block, between_statements])
def test_what_is_known_stays_known(edit: Callable[[str], str]) -> None:
    lost, count = [], 0
    for name, text in TEXTS:
        if '"""' in text:
            continue
        known = Baseline([Entry("a.py", each) for each in prints(text)])
        found = prints(edit(text))
        met = known.match("a.py", found)[0]
        count += len(found)
        lost += [f"{name}: {each}" for index, each in enumerate(found) if index not in met]
    assert count > 100 and not lost, "\n".join(lost)


@pytest.mark.parametrize("width", [40, 200])
def test_a_formatter_makes_nothing_new(width: int, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    for number, (_, text) in enumerate(TEXTS):
        (tmp_path / f"m{number}.py").write_text(text)
    words = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--quiet",
        "--isolated",
        "--line-length",
        str(width),
        str(tmp_path),
    ]
    assert subprocess.run(words).returncode == 0
    lost = []
    for number, (name, text) in enumerate(TEXTS):
        known = Baseline([Entry("a.py", each) for each in prints(text)])
        found = prints((tmp_path / f"m{number}.py").read_text())
        met = known.match("a.py", found)[0]
        lost += [f"{name}: {each}" for index, each in enumerate(found) if index not in met]
    assert not lost, "\n".join(lost)
