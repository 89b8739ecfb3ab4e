"""What a rule finds does not hang on which other rules are looked for: each alone finds what it finds among all."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchdoctor.check import all_checks
from torchdoctor.finding import Finding
from torchdoctor.rule import Block, read_blocks
from torchdoctor.testing import lint_parts, parts_of

HERE = Path(__file__).parent
RULES = sorted({check.rule for check in all_checks()})
# Every so many blocks of a page: all of them would take minutes.
_STEP = 12


def blocks() -> list[tuple[str, Block]]:
    """Some of the sick code of the tests; the last block of each page among it, so that a new one is seen once."""
    found = []
    for folder, word in (("cases", "bad"), ("programs", "sick")):
        for path in sorted((HERE / folder).rglob("*.md")):
            text = path.read_text(encoding="utf-8")
            if "```python " + word not in text:
                continue
            sick = [block for block in read_blocks(text, path=path.name) if block.words[:1] == (word,)]
            found += [(f"{path.stem}:{block.line}", block) for block in sick[::-1][::_STEP]]
    return found


def told(findings: list[Finding]) -> list[tuple[object, str]]:
    return sorted(((finding.at, finding.message) for finding in findings), key=repr)


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in blocks()])
def test_each_rule_alone_finds_what_it_finds_among_all(block: Block) -> None:
    parts = parts_of(block)
    text = "\n".join(part.text for part in parts)
    together = [findings for _, findings in lint_parts(parts, RULES)]
    for rule in RULES:
        words = frozenset().union(*(check.words for check in all_checks() if check.rule == rule))
        if not any(word in text for word in words):
            continue
        for (part, alone), among in zip(lint_parts(parts, (rule,)), together, strict=True):
            assert told(alone) == told([one for one in among if one.rule == rule]), f"{part.path}: {rule}"
