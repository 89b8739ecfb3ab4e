"""Any text at all can be linted: nothing raises, every place lies in the text, mending keeps it Python.

The texts are arbitrary bytes, torch code put together at random, and real code (the blocks of the pages, torch's own
files) with lines and tokens deleted, doubled and swapped.
"""

from __future__ import annotations

import io
import random
import re
import tokenize
from functools import cache
from itertools import pairwise
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.facts.real_files import ALL, text_of
from torchdoctor import catalogue, testing
from torchdoctor.finding import Span
from torchdoctor.lint import mend
from torchdoctor.project.examiner import Examiner
from torchdoctor.project.report import Examined
from torchdoctor.project.stack import deep
from torchdoctor.rule import read_blocks

EVERYTHING = frozenset(catalogue.rules())
MUTANTS = 40
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def faults_of_our_own_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHDOCTOR_RAISE", "1")


def look_at(data: bytes) -> Examined:
    """Lint, and hold what came out against the text."""
    examined = examine(data)
    if examined.findings:
        text = data.decode()
        for finding in examined.findings:
            spans = [finding.at, *(mark.at for mark in finding.marks), *(edit.at for edit in finding.edits)]
            assert all(at is None or at.path != "example.py" or lies_in(at, text) for at in spans), finding
            edits = sorted((edit.at.start, edit.at.end) for edit in finding.edits)
            assert all(a[1] <= b[0] for a, b in pairwise(edits)), f"edits overlap: {finding}"
        assert examined == examine(data), "twice is not the same"
        cst.parse_module(mend(text, examined.findings))
    return examined


def examine(data: bytes) -> Examined:
    """As the command does it, with the stack that it takes for itself."""
    return deep(lambda: Examiner(()).examine_bytes(data, "example.py", EVERYTHING))


def lies_in(at: Span, text: str) -> bool:
    lines = [*re.split(r"\r\n?|\n", text), ""]
    places = (at.start, at.end)
    there = all(1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1 for line, column in places)
    return there and at.start <= at.end


# -- arbitrary texts ---------------------------------------------------------------------------------------------------

NAMES = ["torch", "model", "loss", "x", "self", "optimizer", "nn", "F", "loader", "y"]
CALLS = [
    "backward", "step", "zero_grad", "view", "transpose", "cuda", "eval", "train", "no_grad", "softmax", "item",
    "Linear", "CrossEntropyLoss", "DataLoader", "parameters", "detach", "to", "load", "state_dict", "expand",
    "grad", "dropout",
]  # fmt: skip
expressions = st.recursive(
    st.sampled_from([*NAMES, "1", "'cuda'", "True", "None", "[1, 2]", "-1", "..."]),
    lambda inner: st.one_of(
        st.builds("{}.{}({})".format, inner, st.sampled_from(CALLS), inner),
        st.builds("{}.{}".format, inner, st.sampled_from(CALLS)),
        st.builds("{}({}, k={})".format, inner, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("[{} for x in {}]".format, inner, inner),
        st.builds("lambda *x, **y: {}".format, inner),
        st.builds("{} if {} else {}".format, inner, inner, inner),
    ),
    max_leaves=6,
)
lines = st.one_of(
    expressions,
    st.builds("{} = {}".format, st.sampled_from([*NAMES, "self.x", "x, y", "x[0]", "torch.x"]), expressions),
    st.builds("x += {}".format, expressions),
    st.builds("return {}".format, expressions),
    st.sampled_from(
        ["import torch", "from torch import nn", "import torch.nn.functional as F", "from torch import *", "pass"]
    ),
    st.sampled_from(["global x", "nonlocal y", "del x", "break", "continue", "raise", "yield x", "super().__init__()"]),
)
headers = st.one_of(
    st.builds("for {} in {}:".format, st.sampled_from(["x", "x, y", "i, (x, y)"]), expressions),
    st.builds("if {}:".format, expressions),
    st.builds("while {}:".format, expressions),
    st.builds("with {}:".format, expressions),
    st.builds("def {}(self, x=1, *y, **k):".format, st.sampled_from(["forward", "__init__", "train", "evaluate"])),
    st.builds("class {}({}):".format, st.sampled_from(["Net", "A"]), st.sampled_from(["nn.Module", "Net", "A", "x"])),
    st.sampled_from(["try:", "else:", "finally:", "except Exception as x:", "match x:"]),
)
programs = st.lists(st.tuples(st.integers(0, 4), st.one_of(lines, headers)), min_size=1, max_size=14)


def written(program: list[tuple[int, str]]) -> str:
    """The lines as a program: a header opens a block, which the wanted depth may close again."""
    rows, depth, opened = ["import torch", "from torch import nn", "import torch.nn.functional as F"], 0, False
    for wanted, line in program:
        depth = depth + 1 if opened else min(wanted, depth)
        rows.append("    " * depth + line)
        opened = line.endswith(":")
    if opened:
        rows.append("    " * (depth + 1) + "pass")
    return "\n".join(rows) + "\n"


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    look_at(b"import torch\n" + data)
    look_at(data + b"\ntorch")


@QUICK
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    look_at(f"import torch\n{text}".encode("utf-8", "surrogatepass"))


@QUICK
@given(programs)
def test_torch_code_put_together_at_random(program: list[tuple[int, str]]) -> None:
    look_at(written(program).encode())


@pytest.mark.slow
@LONG
@given(programs)
def test_much_torch_code_put_together_at_random(program: list[tuple[int, str]]) -> None:
    look_at(written(program).encode())


# -- real code, damaged ------------------------------------------------------------------------------------------------


@cache
def blocks_of_pages() -> list[str]:
    found = []
    for path in sorted(catalogue.folder().glob("*/*.md")):
        blocks = read_blocks(path.read_text(encoding="utf-8"), path=str(path))
        found += [part.text for b in blocks if b.word in ("bad", "good", "fixed") for part in testing.parts_of(b)]
    return found


def damaged(text: str, chance: random.Random) -> str:
    """The text with one to three of its lines or tokens deleted, doubled, swapped or replaced."""
    for _ in range(chance.randint(1, 3)):
        text = chance.choice((_lines_damaged, _tokens_damaged, _lines_damaged, _dedented))(text, chance)
    return text


def _lines_damaged(text: str, chance: random.Random) -> str:
    return "".join(_changed(text.splitlines(keepends=True), chance))


def _tokens_damaged(text: str, chance: random.Random) -> str:
    return "".join(_changed(re.findall(r"\w+|\s+|[^\w\s]", text), chance))


def _dedented(text: str, chance: random.Random) -> str:
    """One line a level further in or out: what was in the loop is behind it."""
    rows = text.splitlines(keepends=True)
    at = chance.randrange(len(rows) or 1)
    if rows:
        rows[at] = rows[at].removeprefix("    ") if chance.random() < 0.6 else "    " + rows[at]
    return "".join(rows)


def _changed(pieces: list[str], chance: random.Random) -> list[str]:
    if len(pieces) < 2:
        return pieces
    a, b = chance.randrange(len(pieces)), chance.randrange(len(pieces))
    what = chance.randrange(4)
    if what == 0:
        del pieces[a]
    elif what == 1:
        pieces.insert(b, pieces[a])
    elif what == 2:
        pieces[a], pieces[b] = pieces[b], pieces[a]
    else:
        pieces[a] = pieces[b]
    return pieces


@pytest.mark.parametrize("seed", range(8))
def test_blocks_of_the_pages_damaged(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MUTANTS):
        look_at(damaged(chance.choice(blocks_of_pages()), chance).encode())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_blocks_of_the_pages_damaged(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(MUTANTS):
        look_at(damaged(chance.choice(blocks_of_pages()), chance).encode())


def real_files() -> list[str]:
    """torch's own files where it is installed, and the standard library's."""
    torch = [path for path in ALL if "torch" in Path(path).parts]
    return [path for path in torch or ALL if Path(path).stat().st_size < 20_000]


@pytest.mark.parametrize("seed", range(4))
def test_real_files_damaged(seed: int) -> None:
    chance = random.Random(seed)
    for path in chance.sample(real_files(), 5):
        look_at(damaged(text_of(path), chance).encode())


@pytest.mark.slow
@pytest.mark.parametrize("path", real_files())
def test_many_real_files_damaged(path: str) -> None:
    chance = random.Random(path)
    look_at(text_of(path).encode())
    for _ in range(6):
        look_at(damaged(text_of(path), chance).encode())


# -- odd but whole -----------------------------------------------------------------------------------------------------

SICK = "import torch\n\nx = torch.ones(2, 3).t()\ny = x.view(6)\n"
ODD = {
    "CRLF": SICK.replace("\n", "\r\n").encode(),
    "CR": SICK.replace("\n", "\r").encode(),
    "mixed newlines": SICK.replace("\n", "\r\n", 1).encode(),
    "BOM": b"\xef\xbb\xbf" + SICK.encode(),
    "latin-1": b"# -*- coding: latin-1 -*-\n# \xe9\n" + SICK.encode(),
    "form feed": ("\x0c" + SICK).encode(),
    "tabs": b"if 1:\n\timport torch\n\tx = torch.ones(2, 3).t()\n\ty = x.view(6)\n",
    "no newline at the end": SICK.rstrip().encode(),
    "many empty lines": b"\n" * 5000 + SICK.encode(),
    "wide characters": ("# \U0001d518\n" + SICK).encode(),
    "semicolons": b"import torch; x = torch.ones(2, 3).t(); y = x.view(6)",
    "a long line": b"z = [" + b"1, " * 50_000 + b"]\n" + SICK.encode(),
    "many statements": b"a = 1\n" * 20_000 + SICK.encode(),
    "a deep but legal nest": b"z = " + b"[" * 90 + b"]" * 90 + b"\n" + SICK.encode(),
    "a long chain": b"z = " + b" + ".join([b"1"] * 500) + b"\n" + SICK.encode(),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_no_finding_is_lost_in_an_odd_file(data: bytes) -> None:
    examined = examine(data)
    assert not examined.failures
    assert "view-on-noncontiguous" in {finding.rule for finding in examined.findings}


BROKEN = {
    "not Python": b"import torch\nx = = 1\n",
    "Python 2": b"import torch\nprint torch\n",
    "not text": b"import torch\n\xff\xfe\x00\n",
    "a null byte": b"import torch\nx = '\x00'\n",
    "an unknown encoding": b"# coding: klingon\nimport torch\n",
    "too deep": b"import torch\nx = " + b"(" * 5000 + b")" * 5000,
    "too long a chain": b"import torch\nx = " + b" + ".join([b"torch"] * 20_000),
    "half a string": b"import torch\nx = '''\n",
    "bytes and text joined": b"import torch\nx = b'a' 'b'\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_told_in_a_line(data: bytes) -> None:
    (failure,) = examine(data).failures
    assert failure.message and "\n" not in failure.message and "internal error" not in failure.message


def test_an_empty_file_is_fine() -> None:
    assert not examine(b"").failures


def test_the_damage_is_damage() -> None:
    """Many mutants must still be Python, or the checks see nothing of them; and not all, or nothing is damaged."""
    chance = random.Random(0)
    read = [_is_python(damaged(chance.choice(blocks_of_pages()), chance)) for _ in range(200)]
    assert 0.2 < sum(read) / len(read) < 0.95


def _is_python(text: str) -> bool:
    try:
        cst.parse_module(text)
        list(tokenize.generate_tokens(io.StringIO(text).readline))
    except Exception:
        return False
    return True
