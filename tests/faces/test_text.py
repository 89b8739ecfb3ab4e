"""What people read: frames that line up, whatever the code holds and however narrow the screen is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.faces.conftest import at
from torchdoctor.faces import text
from torchdoctor.faces.frames import Note, frames
from torchdoctor.faces.lines import Lines
from torchdoctor.faces.paint import Paint, cells, visible
from torchdoctor.finding import Edit, Finding, Mark, Span
from torchdoctor.project.report import Failure, Report

PLAIN = Paint()
RULE = "bare-grad-context"


def shown(source: str, *notes: Note, width: int = 120, **others: str) -> str:
    lines = Lines({"a.py": source, **{f"{name}.py": text for name, text in others.items()}})
    return "\n".join(frames(notes, lines, Paint(width=width))) + "\n"


def main(line: int, column: int, end_line: int, end_column: int) -> Note:
    return Note(at("a.py", line, column, end_line, end_column), style="error")


def mark(line: int, column: int, end_line: int, end_column: int, said: str, path: str = "a.py") -> Note:
    return Note(at(path, line, column, end_line, end_column), said)


def test_one_place() -> None:
    assert shown("x = 1\nfoo(x)\n", main(2, 5, 2, 6)) == (
        " --> a.py:2:5\n"
        "  |\n"
        "2 | foo(x)\n"
        "  |     ^\n"
        "  |\n"
    )  # fmt: skip


def test_marks_in_the_same_file_stand_in_the_same_frame() -> None:
    source = "".join(f"line {n}\n" for n in range(1, 13))
    notes = [
        main(10, 1, 10, 5),
        mark(8, 1, 8, 7, "made here"),
        mark(2, 6, 2, 7, "two"),
        mark(10, 3, 10, 5, "same line"),
    ]
    assert shown(source, *notes) == (
        "  --> a.py:10:1\n"
        "   |\n"
        " 2 | line 2\n"
        "   |      - two\n"
        "...\n"
        " 8 | line 8\n"
        "   | ------ made here\n"
        " 9 | line 9\n"
        "10 | line 10\n"
        "   | ^^^^\n"
        "   |   -- same line\n"
        "   |\n"
    )


def test_marks_in_other_files_have_frames_of_their_own() -> None:
    assert shown("foo(x)\n", main(1, 1, 1, 4), mark(1, 5, 1, 8, "defined here", "b.py"), b="def foo(): ...\n") == (
        " --> a.py:1:1\n"
        "  |\n"
        "1 | foo(x)\n"
        "  | ^^^\n"
        "  |\n"
        " ::: b.py:1:5\n"
        "  |\n"
        "1 | def foo(): ...\n"
        "  |     --- defined here\n"
        "  |\n"
    )  # fmt: skip


def test_a_place_of_a_few_lines_is_shown_whole() -> None:
    assert shown("y = foo(\n    a,\n    b,  # why\n)\n", main(1, 5, 4, 2), mark(2, 5, 2, 6, "this")) == (
        " --> a.py:1:5\n"
        "  |\n"
        "1 | y = foo(\n"
        "  |     ^^^^\n"
        "2 |     a,\n"
        "  |     ^^\n"
        "  |     - this\n"
        "3 |     b,  # why\n"
        "  |     ^^^^^^^^^\n"
        "4 | )\n"
        "  | ^\n"
        "  |\n"
    )


def test_of_a_long_place_the_first_line_is_shown() -> None:
    source = "for x in y:\n" + "    z\n" * 30
    assert shown(source, main(1, 1, 31, 6)) == (
        " --> a.py:1:1\n"
        "  |\n"
        "1 | for x in y:\n"
        "  | ^^^^^^^^^^^ (to line 31)\n"
        "  |\n"
    )  # fmt: skip


def test_tabs_and_wide_characters_line_up() -> None:
    source = "\tx = '日本😀'; foo(\u0301a)\n"
    rows = shown(source, main(1, 13, 1, 16)).splitlines()
    assert rows[2] == "1 |     x = '日本😀'; foo(\u0301a)"
    assert cell_len(rows[3].rstrip("^")) == cell_len(rows[2][: rows[2].index("foo")])
    assert rows[3].count("^") == 3


def test_wide_characters_are_underlined_whole() -> None:
    assert shown("'日本'\n", main(1, 2, 1, 4)).splitlines()[3] == "  |  ^^^^"


def test_what_would_steer_the_terminal_is_not_let_through() -> None:
    source = "x = '\x1b[31m\x07\u202e'\n"
    out = shown(source, main(1, 1, 1, 2))
    assert not re.search(r"[\x1b\x07\u202e]", out)
    assert "\ufffd[31m\ufffd\ufffd'" in out


def test_a_place_at_the_end_of_a_line_or_of_the_file() -> None:
    assert "  |      ^\n" in shown("foo(x\n", main(1, 6, 1, 6))
    assert "  | ^\n" in shown("x\n", main(2, 1, 2, 1))
    assert shown("", main(9, 9, 9, 10)) == " --> a.py:9:9\n  |\n9 |\n  |         ^\n  |\n"


def test_a_file_that_is_gone_leaves_the_place() -> None:
    note = Note(at("gone.py", 3, 4, 3, 5), style="error")
    assert list(frames([note], Lines(), PLAIN)) == [" --> gone.py:3:4"]


def test_a_long_line_is_cut_around_the_place() -> None:
    source = "a" * 100 + "(here)" + "b" * 100 + "\n"
    rows = shown(source, main(1, 101, 1, 107), width=60).splitlines()
    assert all(cell_len(row) <= 60 for row in rows)
    assert rows[2].startswith("1 | ...a") and rows[2].endswith("b...")
    assert rows[2][rows[3].index("^") : rows[3].rindex("^") + 1] == "(here)"
    rows = shown(source, main(1, 1, 1, 3), width=60).splitlines()
    assert rows[2].startswith("1 | aaaa") and rows[2].endswith("a...")


def test_what_is_said_of_a_place_moves_below_where_it_is_too_long() -> None:
    said = "a long explanation of what is so at this place, in many words"
    rows = shown("x = foo(bar)\n", main(1, 1, 1, 2), mark(1, 5, 1, 8, said), width=50).splitlines()
    assert rows[4] == "  |     ---"
    assert rows[5].startswith("  |     a long explanation")
    assert all(len(row) <= 50 for row in rows)


TEXTS = st.text(st.sampled_from("ab \t日é😀\u0301\x1b'()"), max_size=150)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.data(), st.integers(40, 130))
def test_any_code_at_any_width_lines_up(lines: list[str], data: st.DataObject, width: int) -> None:
    def note(style: str) -> Note:
        line = data.draw(st.integers(1, len(lines)))
        end_line = data.draw(st.integers(line, len(lines)))
        column = data.draw(st.integers(1, len(lines[line - 1]) + 1))
        least = column if end_line == line else 1
        end_column = data.draw(st.integers(least, max(least, len(lines[end_line - 1]) + 1)))
        return Note(Span("a.py", line, column, end_line, end_column), "said" if style == "frame" else "", style)

    notes = [note("error"), note("frame")]
    rows = shown("\n".join(lines), *notes, width=width).splitlines()
    assert all(cell_len(row) <= width for row in rows)
    assert any("^" in row for row in rows)
    first = notes[0].at
    if first.line == first.end_line and cells(visible(lines[first.line - 1])) < width - 10:
        index = next(i for i, row in enumerate(rows) if row.startswith(f"{first.line} |"))
        under = next(row for row in rows[index + 1 :] if "^" in row)
        start = 4 + cells(visible(lines[first.line - 1][: first.column - 1]))
        assert under.index("^") == start


# -- a finding as a whole --------------------------------------------------------------------------------------------

SOURCE = "import torch\nwith torch.no_grad:\n    x\n"
FOUND = Finding(
    RULE,
    "`with torch.no_grad` enters a class",
    at("a.py", 2, 6, 2, 19),
    (Mark(at("a.py", 3, 5, 3, 6), "reached never"),),
    ("a thing that was seen",),
    (Edit(at("a.py", 2, 19, 2, 19), "()"),),
)


def test_a_finding_whole() -> None:
    assert text.render(Report([FOUND]), Lines({"a.py": SOURCE}), PLAIN) == (
        "error[bare-grad-context]: `with torch.no_grad` enters a class\n"
        " --> a.py:2:6\n"
        "  |\n"
        "2 | with torch.no_grad:\n"
        "  |      ^^^^^^^^^^^^^\n"
        "3 |     x\n"
        "  |     - reached never\n"
        "  |\n"
        "  = seen: a thing that was seen\n"
        "  = cure: enter it, `with torch.no_grad():`, or decorate the function with `@torch.no_grad()`\n"
        "  = fix: available with --fix\n"
        "  = torchdoctor explain bare-grad-context\n"
        "\n"
    )


def test_a_narrow_screen() -> None:
    out = text.render(Report([FOUND]), Lines({"a.py": SOURCE}), Paint(width=40))
    assert all(len(row) <= 40 for row in out.splitlines())
    assert "= cure: enter it, `with" in out


def test_colours_are_only_added() -> None:
    lines = Lines({"a.py": SOURCE})
    plain, coloured = (text.render(Report([FOUND]), lines, Paint(color)) for color in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_concise(report: Report) -> None:
    assert text.concise(report, PLAIN) == (
        "pkg/a b.py:5:5: error[bare-grad-context] gradients stay on [*]\n"
        "pkg/a b.py:6:5: error[missing-zero-grad] `a, b`: 50% of it\n"
        "note[unused-suppression] nowhere\n"
        "pkg/é.py:2:1: warning[cuda-without-availability-check] needs a GPU\n"
    )


@pytest.mark.parametrize(
    ("number", "files", "failures", "mended", "told"),
    [
        (0, 1, 0, 0, "no findings in 1 file"),
        (0, 0, 0, 0, "no findings in 0 files"),
        (1, 120, 0, 0, "1 finding (1 error) in 120 files; 1 can be mended with --fix"),
        (3, 2, 1, 0, "3 findings (3 errors) in 2 files; 3 can be mended with --fix; 1 path could not be checked"),
        (0, 2, 2, 5, "5 mended, nothing left in 2 files; 2 paths could not be checked"),
        (1, 2, 0, 5, "5 mended, 1 finding left (1 error) in 2 files; 1 can be mended with --fix"),
    ],
)
def test_summary(number: int, files: int, failures: int, mended: int, told: str) -> None:
    report = Report([FOUND] * number, files, [Failure(str(n), "m") for n in range(failures)])
    assert text.summary(report, PLAIN, mended=mended) == f"{told}\n"


def test_the_summary_counts_by_severity_and_by_what_can_be_mended(report: Report) -> None:
    assert text.summary(report, PLAIN) == (
        "4 findings (2 errors, 1 warning, 1 note) in 7 files; 1 can be mended with --fix; "
        "2 paths could not be checked\n"
    )
    unsafe = Finding("cuda-without-availability-check", "m", FOUND.at, edits=FOUND.edits)
    both = text.summary(Report([FOUND, unsafe], 1), PLAIN)
    assert "1 can be mended with --fix, 1 more with --unsafe-fixes" in both
    assert "1 can be mended with --fix --unsafe-fixes" in text.summary(Report([unsafe], 1), PLAIN)


def test_statistics(report: Report) -> None:
    report.findings.append(replace(FOUND, message="again"))
    assert text.statistics(report, PLAIN) == (
        "2  error    bare-grad-context  (2 can be mended)\n"
        "1  warning  cuda-without-availability-check\n"
        "1  error    missing-zero-grad\n"
        "1  note     unused-suppression\n"
    )
