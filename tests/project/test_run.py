"""A run over files of every kind: what is wrong with one is told, and costs no other its findings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.project.conftest import SICK, WELL
from torchdoctor import check as check_module
from torchdoctor.check import Check, Found
from torchdoctor.config import Settings
from torchdoctor.facts.file import File
from torchdoctor.project import source
from torchdoctor.project.examiner import Examiner, findings_in
from torchdoctor.project.report import Report
from torchdoctor.project.run import Run
from torchdoctor.project.source import Unreadable
from torchdoctor.project.stack import deep

Write = Callable[[Mapping[str, "str | bytes"]], Path]
RULE = "bare-grad-context"


def run(root: Path, *paths: Path, **changes: object) -> Report:
    return Run(replace(Settings(root, jobs=1), **changes), paths or [root]).report()  # type: ignore[arg-type]


def places(report: Report) -> list[tuple[str, int]]:
    return [(Path(f.at.path).as_posix(), f.at.line) for f in report if f.at is not None and f.rule == RULE]


def failures(report: Report) -> dict[str, str]:
    return {Path(f.path).as_posix(): f.message for f in report.failures}


WRONG: dict[str, tuple[str | bytes, str]] = {
    "syntax.py": ("import torch\ntorch.no_grad(\n", "syntax error at line 2: '(' was never closed"),
    "python2.py": ('import torch\nprint "no_grad"\n', 'not Python 3 at line 2: `print "no_grad"`'),
    "latin.py": ("import torch  # no_grad é".encode("latin-1"), "byte 0xe9 is not UTF-8"),
    "nul.py": (b"import torch\n\0 no_grad", "NUL byte"),
    "utf16.py": ("import torch\nno_grad".encode("utf-16"), ""),  # the words do not stand in these bytes
    "parentheses.py": ("import torch\ntorch.no_grad(" + "(" * 5000, "more than 200 brackets are open at line 2"),
    "sum.py": ("import torch\nno_grad = " + "1 + " * 50_000 + "1\n", " operators and strings at line 2"),
    "indented.py": (
        "import torch, no_grad\n" + "".join(f"{' ' * n}if x:\n" for n in range(300)) + " " * 300 + "x",
        "syntax error at line ",
    ),
    "tabs.py": ("import torch\nif no_grad:\n\tx\n        y\n", "tabs and spaces"),
}
RIGHT: dict[str, str | bytes] = {
    "bom.py": b"\xef\xbb\xbf" + SICK.encode(),
    "crlf.py": SICK.replace("\n", "\r\n"),
    "cr.py": SICK.replace("\n", "\r"),
    "mixed.py": SICK.replace("\n", "\r\n", 2),
    "latin_declared.py": b"# coding: latin-1\n# \xe9\n" + SICK.encode(),
    "form_feed.py": SICK.replace("def", "\f\ndef").replace("\n\n", "\n", 1),
    "tabbed.py": SICK.replace("    ", "\t"),
    "long.py": SICK + "x = [" + "(1, 'é', f(2)),\n" * 1500 + "]\n",
    "many_branches.py": SICK + "if a:\n    b\n" + "elif a:\n    b\n" * 400,
    "long_sum.py": SICK + "x = " + "a + " * 500 + "a\n",
    "deep_call.py": SICK + "y = " + "f(" * 150 + "0" + ")" * 150 + "\n",
}


def test_files_of_every_kind_in_one_run(write: Write) -> None:
    empty: dict[str, str | bytes] = {"empty.py": b"", "blank.py": b"\n \f\n", "comment.py": b"# torch no_grad"}
    wrong: dict[str, str | bytes] = {name: text for name, (text, _) in WRONG.items()}
    root = write(wrong | RIGHT | empty | {"named.py/inner.py": SICK})
    report = run(root)
    assert report.files == len(WRONG) + len(RIGHT) + len(empty) + 1
    line = dict.fromkeys(RIGHT, 5) | {"latin_declared.py": 7, "named.py/inner.py": 5}
    assert dict(places(report)) == line
    assert failures(report).keys() == {name for name, (_, why) in WRONG.items() if why}
    for name, why in failures(report).items():
        assert WRONG[name][1] in why
    assert report.exit_code("never") == 2


@pytest.mark.parametrize("name", RIGHT)
def test_the_text_at_a_finding_is_what_it_speaks_of(write: Write, name: str) -> None:
    root = write({name: RIGHT[name]})
    (finding,) = (f for f in run(root) if f.rule == RULE)
    text = source.decode((root / name).read_bytes()).text
    line = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[finding.at.line - 1]  # type: ignore[union-attr]
    assert line[finding.at.column - 1 : finding.at.end_column - 1] == "torch.no_grad()"  # type: ignore[union-attr]


def test_a_file_that_is_too_large_is_told_and_not_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": SICK, "big.py": SICK + "#" * source.LARGEST})
    report = run(root)
    assert places(report) == [("a.py", 5)]
    assert failures(report) == {"big.py": "the file has 2.0 MB; more than 2 MB are not looked at"}


def test_a_file_that_cannot_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"a.py": SICK, "closed.py": SICK})
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "closed.py":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    report = run(root)
    assert places(report) == [("a.py", 5)]
    assert failures(report) == {"closed.py": "the file cannot be read: Permission denied"}


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names there")
def test_what_is_named_and_is_no_file(write: Write) -> None:
    root = write({"a.py": SICK})
    os.mkfifo(root / "pipe.py")
    (root / "gone.py").symlink_to("nowhere")
    (root / "loop.py").symlink_to("loop.py")
    report = run(root, root / "a.py", root / "pipe.py", root / "gone.py", root / "loop.py", root / "none.py")
    assert places(report) == [("a.py", 5)]
    assert failures(report)["pipe.py"] == "it is not a regular file"
    assert failures(report)["none.py"] == "there is no such file or folder"
    assert "cannot be read" in failures(report)["gone.py"] and "cannot be read" in failures(report)["loop.py"]


def test_a_file_that_is_skipped_need_not_be_readable_python(write: Write) -> None:
    root = write({"old.py": '# torchdoctor: skip-file\nimport torch\nprint "no_grad"\n'})
    assert run(root) == Report(files=1)


# -- faults of our own -------------------------------------------------------------------------------------------------


def faulty(file: File, call: cst.Call) -> Iterator[Found]:
    yield Found(call, "found before the fault")
    raise ZeroDivisionError("some\nfault")


def endless(file: File, call: cst.Call) -> Iterator[Found]:
    return endless(file, call)


def misplaced(file: File, call: cst.Call) -> Iterator[Found]:
    yield Found(cst.parse_expression("elsewhere"), "a node of no file")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (faulty, "internal error in rule uncalled-method: ZeroDivisionError: some fault; please report it"),
        (endless, "the code is nested too deeply in rule uncalled-method"),
        (misplaced, "internal error in rule uncalled-method: KeyError"),
    ],
)
def test_a_check_that_raises_costs_no_findings(
    write: Write, monkeypatch: pytest.MonkeyPatch, function: check_module.Run, told: str
) -> None:
    monkeypatch.delenv("TORCHDOCTOR_RAISE", raising=False)
    checks = (
        Check("uncalled-method", function, "call", ("torch.no_grad",), frozenset({"no_grad"})),
        *(check for check, *_ in check_module.checks_for(frozenset({RULE})).checks),
    )
    monkeypatch.setattr(check_module, "all_checks", lambda: checks)
    comment = "# torchdoctor: ignore[uncalled-method]\n"
    root = write({"a.py": SICK + comment, "b.py": WELL.replace("torch.no_grad()", "open(x)"), "c.py": SICK})
    report = run(root)
    assert places(report) == [("a.py", 5), ("c.py", 5)]
    assert {f.path for f in report.failures} == {"a.py", "c.py"}
    assert all(f.message.startswith(told) for f in report.failures)
    assert all(f.rule != "unused-suppression" for f in report), "a rule that failed did not run"
    assert report.exit_code("warning") == 2
    monkeypatch.setenv("TORCHDOCTOR_RAISE", "1")
    with pytest.raises((ZeroDivisionError, RecursionError, KeyError)):
        run(root)


# -- projects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "src/", "deep/er/"])
def test_imports_are_followed_from_the_projects_folders(write: Write, place: str) -> None:
    root = write(
        {
            f"{place}pkg/__init__.py": "",
            f"{place}pkg/net.py": "import torch\ndef out(x):\n    return torch.softmax(x, 1)\n",
            "train.py": "import torch.nn.functional as F\nfrom pkg.net import out\nF.cross_entropy(out(x), y)\n",
        }
    )
    named = [root / "train.py"] if place != "deep/er/" else [root / "train.py", root / "deep" / "er" / "pkg"]
    found = {f.rule for f in run(root, *named)}
    assert found == {"softmax-before-cross-entropy"}


def test_imports_start_from_the_folders_around_a_file_too(write: Write) -> None:
    """A project within the project, of scripts that no `__init__.py` makes a package."""
    root = write(
        {
            "zoo/models/net.py": "import torch\ndef out(x):\n    return torch.softmax(x, 1)\n",
            "zoo/engine/fit.py": "from torch.nn import functional as F\nfrom models.net import out\n"
            "F.cross_entropy(out(x), y)\n",
        }
    )
    assert [f.rule for f in run(root, root)] == ["softmax-before-cross-entropy"]


def test_where_we_merely_are_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a script in somebody's home would have all of it looked through."""
    root = tmp_path.resolve()
    monkeypatch.chdir(root)
    (root / "a.py").write_text(SICK)
    assert Run(Settings(root), [root / "a.py"]).roots == ()
    assert Run(Settings(root), [root]).roots == (root,)
    (root / "torchdoctor.toml").touch()
    assert Run(Settings(root), [root / "a.py"]).roots == (root,)


def test_rules_that_are_ignored_for_some_files(write: Write) -> None:
    root = write({"tests/a.py": SICK, "pkg/b.py": SICK, "pkg/tests/c.py": SICK})
    ignores = (("tests/**", ("evaluation",)), ("*/b.py", (RULE,)))
    assert places(run(root, per_file_ignores=ignores)) == [("pkg/tests/c.py", 5)]
    assert places(run(root, per_file_ignores=(("tests", ("all",)),))) == [("pkg/b.py", 5)]


def test_a_comment_for_a_rule_that_is_off_here_is_not_judged(write: Write) -> None:
    root = write({"a.py": f"import torch  # torchdoctor: ignore[{RULE}]\n"})
    assert [f.rule for f in run(root)] == ["unused-suppression"]
    assert run(root, per_file_ignores=(("a.py", (RULE,)),)).findings == []


def test_paths_are_shown_from_where_we_are(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"pkg/a.py": SICK, "other/b.py": SICK})
    monkeypatch.chdir(root / "pkg")

    assert {f.at.path for f in run(root) if f.at} == {"a.py", str(root / "other" / "b.py")}


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(st.binary(max_size=80), st.sampled_from([b"import torch; no_grad\n", b"# torchdoctor: ignore\n", b""]))
def test_any_bytes_at_all(data: bytes, first: bytes) -> None:
    examined = deep(lambda: Examiner(()).examine_bytes(first + data, "a.py", frozenset({RULE})))
    assert examined.lasting, "an internal error is never lasting"


def test_what_cannot_be_parsed_is_raised_by_the_inner_function() -> None:
    with pytest.raises(Unreadable):
        findings_in("import torch\nno_grad(", "a.py", rules=frozenset({RULE}))
