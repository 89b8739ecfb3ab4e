"""What is said of code stays on one line, however the code itself is broken: machines read it line by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from torchdoctor import catalogue
from torchdoctor.project.examiner import findings_in
from torchdoctor.rule import read_blocks

CASES = Path(__file__).parent / "cases"


def test_messages_marks_and_evidence_have_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    pages = [Path(catalogue.page(name).path) for name in catalogue.rules()]
    for page in (*pages, *CASES.glob("*/*.md")):
        for block in read_blocks(page.read_text(encoding="utf-8"), path=str(page)):
            if block.word == "bad" and "# file:" not in block.text:
                (tmp_path / f"{page.parent.name}-{page.stem}-{block.line}.py").write_text(block.text, encoding="utf-8")
    words = ["ruff", "format", "--quiet", "--isolated", "--line-length", "30", str(tmp_path)]
    assert subprocess.run([sys.executable, "-m", *words]).returncode == 0
    broken, count = [], 0
    for path in sorted(tmp_path.iterdir()):
        for found in findings_in(path.read_text(encoding="utf-8"), str(path), rules=catalogue.select()):
            count += 1
            said = [found.message, *(mark.text for mark in found.marks), *found.evidence]
            broken += [f"{path.name}: {found.rule}: {text!r}" for text in said if "\n" in text]
    assert count > 500 and not broken, "\n".join(broken)
