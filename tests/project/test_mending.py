"""Mending: edits placed where nothing else moves, repeated until stable, and files written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor import catalogue
from torchdoctor import check as check_module
from torchdoctor.check import Check, Found, Swap
from torchdoctor.config import Settings
from torchdoctor.facts.file import File
from torchdoctor.finding import Edit, Finding, Span
from torchdoctor.lint import mend, mend_some
from torchdoctor.project.mending import Mending, mend_files
from torchdoctor.project.run import Run

Write = Callable[[Mapping[str, "str | bytes"]], Path]
RULE = "bare-grad-context"
SICK = "import torch\nwith torch.no_grad:\n    x\n"
WELL = SICK.replace("no_grad", "no_grad()")


def mended(root: Path, *, unsafe: bool = False, write: bool = True, **changes: object) -> Mending:
    run = Run(replace(Settings(root, jobs=1), **changes), [root])  # type: ignore[arg-type]
    return mend_files(run, run.report(), unsafe=unsafe, write=write)


@pytest.fixture
def swap(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a check in place that swaps as it is told, for each call of `mark()`."""

    def put(*swaps: tuple[str, str], node: Callable[[File, cst.Call], cst.CSTNode | None] | None = None) -> None:
        def run(file: File, call: cst.Call) -> Iterator[Found]:
            if isinstance(call.func, cst.Name) and call.func.value == "mark":
                at = node(file, call) if node else file.parent(call)
                assert at is not None
                yield Found(call, "marked", swaps=tuple(Swap(at, text, where) for where, text in swaps))

        checks = (Check(RULE, run, "node", (cst.Call,), frozenset({"mark"})),)
        monkeypatch.setattr(check_module, "all_checks", lambda: checks)

    return put


def once(text: str) -> str:
    from torchdoctor.lint import lint

    return mend(text, lint(text, "a.py", rules={RULE}))


T = "import torch\n"


# -- where edits go ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("mark()\n", ""),
        ("a\nmark()  # why\nb\n", "a\nb\n"),
        ("mark()", ""),
        ("a\nmark()", "a\n"),
        ("a\r\nmark()\r\nb\r\n", "a\r\nb\r\n"),
        ("if x:\n    mark()\n", "if x:\n    pass\n"),
        ("if x: mark()\n", "if x: pass\n"),
        ("if x: mark(); y\n", "if x: y\n"),
        ("a; mark(); b\n", "a; b\n"),
        ("mark() ; b\n", "b\n"),
        ("a; mark()  # why\n", "a  # why\n"),
        ("if x:\n\ta\n\tmark(\n\t\t1)\n", "if x:\n\ta\n"),
    ],
)
def test_a_statement_goes_and_leaves_python(swap: Callable[..., None], text: str, after: str) -> None:
    swap(("instead", ""))
    assert once(T + text) == T + after


@pytest.mark.parametrize(
    ("where", "text", "after"),
    [
        ("before", "mark()\n", "new\nmark()\n"),
        ("after", "mark()\n", "mark()\nnew\n"),
        ("after", "mark()", "mark()\nnew"),
        ("after", "mark()  # why", "mark()  # why\nnew"),
        ("before", "if x:\n    # c\n    mark()\n", "if x:\n    # c\n    new\n    mark()\n"),
        ("after", "if x:\n\tmark()\n\ta\n", "if x:\n\tmark()\n\tnew\n\ta\n"),
        ("after", "x\r\nmark()\r\n", "x\r\nmark()\r\nnew\r\n"),
        ("after", "mark(\n  1,\n)  # c\nz\n", "mark(\n  1,\n)  # c\nnew\nz\n"),
        ("before", "mark(); b\n", "new\nmark(); b\n"),
        ("after", "a; mark()\n", "a; mark()\nnew\n"),
        # Not without changing what runs, or when:
        ("after", "mark(); b\n", None),
        ("before", "a; mark()\n", None),
        ("before", "if x: mark()\n", None),
        ("after", "if x: mark()\n", None),
        ("before", "class A: mark()\n", None),
    ],
)
def test_a_line_of_its_own(swap: Callable[..., None], where: str, text: str, after: str | None) -> None:
    swap((where, "new"))
    newline = "\r\n" if "\r" in text else "\n"
    first = T.replace("\n", newline)
    assert once(first + text) == first + (text if after is None else after)


def compound(file: File, call: cst.Call) -> cst.CSTNode | None:
    return file.enclosing(call, cst.If, cst.FunctionDef, cst.For)


@pytest.mark.parametrize(
    ("where", "text", "after"),
    [
        ("before", "@a\n@b\ndef f():\n    mark()\n", "new\n@a\n@b\ndef f():\n    mark()\n"),
        ("after", "for x in y:\n    mark()\n    # c\nz\n", "for x in y:\n    mark()\nnew\n    # c\nz\n"),
        ("before", "if x:\n    mark()\n", "new\nif x:\n    mark()\n"),
        ("before", "if x:\n    a\nelif y:\n    mark()\n", None),
        ("after", "if x:\n    a\nelif y:\n    mark()\n", None),
    ],
)
def test_beside_a_compound_statement(swap: Callable[..., None], where: str, text: str, after: str | None) -> None:
    swap((where, "new"), node=compound)
    assert once(T + text) == T + (text if after is None else after)


def test_one_edit_that_cannot_be_made_takes_the_others_with_it(swap: Callable[..., None]) -> None:
    swap(("instead", "other()"), ("before", "new"))
    assert once(T + "if x: mark()\n") == T + "if x: mark()\n"
    assert once(T + "mark()\n") == T + "new\nother()\n"


def test_new_text_of_many_lines_keeps_indent_and_line_ends(swap: Callable[..., None]) -> None:
    def line(file: File, call: cst.Call) -> cst.CSTNode | None:
        return file.enclosing(call, cst.SimpleStatementLine)

    swap(("instead", "with x:\n    y"), node=line)
    assert once("import torch\r\nif a:\r\n\tmark()\r\n") == "import torch\r\nif a:\r\n\twith x:\r\n\t    y\r\n"


@given(
    st.text("ab\n\r\té", max_size=30),
    st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.sampled_from(["", "X", "Y\n"])), max_size=3)),
)
def test_edits_are_made_whole_and_never_over_each_other(
    text: str, wanted: Sequence[Sequence[tuple[int, int, str]]]
) -> None:
    starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n" or (c == "\r" and text[i + 1 : i + 2] != "\n"))]

    def place(offset: int) -> tuple[int, int]:
        line = max(n for n, start in enumerate(starts) if start <= offset)
        return line + 1, offset - starts[line] + 1

    findings: list[Finding] = []
    for edits in wanted:
        clipped = sorted({(min(a, len(text)), min(a + n, len(text)), new) for a, n, new in edits})
        if all(a[1] <= b[0] and a[:2] != b[:2] for a, b in pairwise(clipped)):
            made = tuple(Edit(Span("a", *place(a), *place(b)), new) for a, b, new in clipped)
            findings.append(Finding("r", str(len(findings)), None, edits=made))
    after, done = mend_some(text, findings)
    kept = sorted({(e.at.start, e.at.end, e.text) for f in done for e in f.edits})
    assert all(a[1] <= b[0] for a, b in pairwise(kept))
    size = sum(len(new) for _, _, new in kept)

    def offset(at: tuple[int, int]) -> int:
        return starts[at[0] - 1] + at[1] - 1

    assert len(after) == len(text) + size - sum(offset(b) - offset(a) for a, b, _ in kept)
    if findings and findings[0].edits:
        assert findings[0] in done, "the first is always mended"


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: ("# coding: latin-1\n# é\n" + text).encode("latin-1"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("\n", "\r\n", 1).encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: ("\f" + text).encode(),
        lambda text: text.replace("    ", "\t").encode() + "# é日\u2028".encode(),
    ],
    ids=["plain", "mark", "latin", "crlf", "cr", "mixed", "no newline", "form feed", "tab"],
)
def test_only_the_edits_change_a_file(write: Write, encode: Callable[[str], bytes]) -> None:
    root = write({"a.py": encode(SICK)})
    (root / "a.py").chmod(0o750)
    result = mended(root)
    assert (root / "a.py").read_bytes() == encode(WELL)
    assert stat.S_IMODE((root / "a.py").stat().st_mode) == 0o750 or sys.platform == "win32"
    assert (result.mended, result.report.findings, result.report.failures) == (1, [], [])
    assert os.listdir(root) == [".git", "a.py"] or sorted(os.listdir(root)) == [".git", "a.py"]


def test_without_write_nothing_changes_and_the_diff_tells(write: Write) -> None:
    root = write({"pkg/a.py": SICK.rstrip("\n") + "  # é"})
    result = mended(root, write=False)
    assert (root / "pkg" / "a.py").read_text() == SICK.rstrip("\n") + "  # é"
    assert len(result.report.findings) == 1
    (change,) = result.changes
    assert change.diff == (
        "--- a/pkg/a.py\n+++ b/pkg/a.py\n@@ -1,3 +1,3 @@\n import torch\n-with torch.no_grad:\n+with torch.no_grad():\n"
        "     x  # é\n\\ No newline at end of file\n"
    )


def test_what_needs_a_look_is_mended_only_when_asked(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(catalogue.rules())
    known[RULE] = replace(known[RULE], fix="unsafe")
    monkeypatch.setattr(catalogue, "rule", lambda name: known[name])
    root = write({"a.py": SICK})
    assert mended(root).mended == 0
    assert mended(root, unsafe=True).mended == 1


def test_suppressed_and_ignored_findings_are_not_mended(write: Write) -> None:
    comment = f"  # torchdoctor: ignore[{RULE}]"
    root = write({"a.py": SICK.replace(":", f":{comment}", 1), "b.py": SICK})
    assert mended(root, per_file_ignores=(("b.py", (RULE,)),)).mended == 0


def test_a_link_stays_a_link(write: Write) -> None:
    root = write({"real.txt": SICK})
    (root / "a.py").symlink_to("real.txt")
    assert mended(root).mended == 1
    assert (root / "a.py").is_symlink() and (root / "real.txt").read_text() == WELL


def test_mending_goes_on_until_nothing_is_left(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(file: File, call: cst.Call) -> Iterator[Found]:
        if isinstance(call.func, cst.Name) and call.func.value.startswith("mark"):
            name = call.func.value
            yield Found(call, "m", swaps=(Swap(call.func, name[:-1] if len(name) > 4 else "done"),))

    checks = (Check(RULE, run, "node", (cst.Call,), frozenset({"mark"})),)
    monkeypatch.setattr(check_module, "all_checks", lambda: checks)
    root = write({"a.py": T + "markabc()\nmark(markx())\n"})
    result = mended(root)
    assert (root / "a.py").read_text() == T + "done()\ndone(done())\n"
    assert result.mended == 7 and result.report.findings == []


def test_a_check_that_never_rests_is_cut_short(write: Write, swap: Callable[..., None]) -> None:
    swap(("after", "mark()"))
    root = write({"a.py": T + "mark()\n"})
    result = mended(root)
    assert (root / "a.py").read_text().count("mark()") == 2**10
    assert result.report.findings


@pytest.mark.parametrize("broken", ["(", "return", "x = = 1", "'"])
def test_what_would_not_be_python_is_never_written(write: Write, swap: Callable[..., None], broken: str) -> None:
    swap(("instead", broken))
    root = write({"a.py": T + "mark()\n", "b.py": T + "mark()\n"})
    before = (root / "a.py").stat()
    result = mended(root)
    if broken == "return":  # parses, though it cannot be compiled at this place
        return
    assert (root / "a.py").read_text() == T + "mark()\n"
    assert (root / "a.py").stat() == before
    assert result.mended == 0 and len(result.report.findings) == 2
    assert [f.path for f in result.report.failures] == ["a.py", "b.py"]
    assert "mending bare-grad-context would leave text that is not Python" in result.report.failures[0].message


def test_a_character_that_the_encoding_lacks(write: Write, swap: Callable[..., None]) -> None:
    swap(("after", "'日本'"))
    data = b"# coding: latin-1\nimport torch\nmark()\n"
    root = write({"a.py": data})
    result = mended(root)
    assert (root / "a.py").read_bytes() == data
    assert "cannot be written as latin-1" in result.report.failures[0].message


def test_a_file_that_changes_meanwhile_is_left_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": SICK})
    real = os.fsync

    def fsync(number: int) -> None:
        (root / "a.py").write_text("somebody else's\n")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    result = mended(root)
    assert (root / "a.py").read_text() == "somebody else's\n"
    assert "changed while it was being mended" in result.report.failures[0].message
    assert sorted(os.listdir(root)) == [".git", "a.py"]


def test_a_disk_that_is_full_costs_nothing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": SICK, "b.py": "x"})

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = mended(root)
    assert (root / "a.py").read_text() == SICK
    assert "cannot be written: No space left on device" in result.report.failures[0].message
    assert sorted(os.listdir(root)) == [".git", "a.py", "b.py"]
    assert result.mended == 0 and len(result.report.findings) == 1
