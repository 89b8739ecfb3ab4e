"""Nodes that are built quickly are those that libcst builds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# In a process of its own: what is done to libcst's classes lasts.
COMPARE = """
import sys
from pathlib import Path
import libcst as cst
from torchdoctor.facts.nodes import build_quickly

texts = [path.read_bytes() for folder in sys.argv[1:] for path in sorted(Path(folder).rglob("*.py"))]
plainly = [cst.parse_module(text) for text in texts]
build_quickly()
for text, before in zip(texts, plainly, strict=True):
    after = cst.parse_module(text)
    assert after.deep_equals(before) and before.deep_equals(after)
    assert after.bytes == text
assert len(texts) > 20
"""
BUILT_BY_HAND = """
import libcst as cst
from torchdoctor.facts.nodes import build_quickly

build_quickly()
build_quickly()
made = cst.Call(cst.Name("f"), [cst.Arg(cst.Integer("1"))])
assert cst.Module([]).code_for_node(made.with_changes(args=[])) == "f()"
assert {made: 1}[made] == 1 and made != made.deep_clone() and made.deep_equals(made.deep_clone())
assert cst.Module(body=[]).default_indent == "    "
for text in ('b"a" "b"', "try:\\n    pass\\nexcept:\\n    pass\\nexcept E:\\n    pass\\n", "x ="):
    try:
        cst.parse_module(text)
    except (cst.CSTValidationError, cst.ParserSyntaxError):
        continue
    raise AssertionError(text)
"""


@pytest.mark.parametrize("program", [COMPARE, BUILT_BY_HAND], ids=["parsed", "made"])
def test_nodes_are_the_same(program: str) -> None:
    folders = [str(REPOSITORY / "torchdoctor" / "project"), str(REPOSITORY / "examples")]
    done = subprocess.run([sys.executable, "-c", program, *folders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
