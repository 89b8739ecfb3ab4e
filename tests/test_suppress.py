"""Comments that suppress: which findings they cover, and which of them are unused."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torchdoctor import catalogue, suppress
from torchdoctor.finding import Finding, Span
from torchdoctor.lint import mend
from torchdoctor.suppress import Suppressions

ALL = catalogue.select()
RULE, OTHER = "bare-grad-context", "missing-super-init"


def found(line: int, end: int = 0, rule: str = RULE) -> Finding:
    return Finding(rule, "m", Span("a.py", line, 1, end or line, 2))


def left(text: str, *findings: Finding, ran: frozenset[str] = ALL) -> list[tuple[int, str]]:
    """Line and rule of what remains."""
    kept = Suppressions(text, "a.py").apply(findings, ran)
    return [(f.at.line, f.rule) for f in kept if f.at is not None]


def unused(text: str, *findings: Finding, ran: frozenset[str] = ALL) -> list[Finding]:
    return [f for f in Suppressions(text, "a.py").apply(findings, ran) if f.rule == suppress.RULE]


@pytest.mark.parametrize(
    "comment",
    [
        "# torchdoctor: ignore",
        f"# torchdoctor: ignore[{RULE}]",
        f"#torchdoctor:ignore[ {RULE} ,{OTHER}]",
        "# torchdoctor: ignore[evaluation]",
        "# torchdoctor: ignore[error]",
        "# torchdoctor: ignore[all]",
        f"# TorchDoctor: Ignore[{RULE}] because it is so",
        f"# noqa: F401  # torchdoctor: ignore[{RULE}]  # more",
    ],
)
def test_every_form_of_the_comment(comment: str) -> None:
    assert (1, RULE) not in left(f"x = 1  {comment}\n", found(1))


def test_another_rule_is_left() -> None:
    assert left(f"x = 1  # torchdoctor: ignore[{OTHER}]\n", found(1), ran=frozenset({RULE})) == [(1, RULE)]


CALL = """\
y = f(  {0}
    a,  {1}
    g(  {2}
        b,
    ),  {3}
)  {4}
z = 1  {5}
"""
IGNORE = f"# torchdoctor: ignore[{RULE}]"


def call(place: int) -> str:
    return CALL.format(*(IGNORE if index == place else "" for index in range(6)))


@pytest.mark.parametrize(
    ("place", "finding", "covered"),
    [
        (0, found(1, 6), True),  # the first line of the statement, for all of it
        (0, found(3, 5), True),
        (4, found(1, 6), True),  # its last line as well
        (4, found(3, 5), True),
        (2, found(3, 5), True),  # the first line of the finding
        (3, found(3, 5), True),  # its last line
        (1, found(2), True),
        (1, found(3, 5), False),  # a line that the finding does not touch
        (3, found(2), False),
        (1, found(1, 6), True),  # a line within the finding
        (5, found(1, 6), False),  # the next statement
        (4, found(7), False),
    ],
)
def test_a_statement_of_many_lines(place: int, finding: Finding, covered: bool) -> None:
    assert ((finding.at.line, RULE) not in left(call(place), finding)) is covered  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "line", "covered"),
    [
        (f"{IGNORE}\nx = 1\n", 2, True),
        (f"{IGNORE}\n# why\nx = 1\n", 3, True),
        (f"{IGNORE}\nx = (\n  1)\n", 3, True),
        (f"{IGNORE}\n\nx = 1\n", 3, False),
        (f"{IGNORE}\nx = 1\ny = 2\n", 3, False),
        (f"x = 1\n{IGNORE}\n", 1, False),
        (f"def f():\n    {IGNORE}\n    x = 1\n", 3, True),
        (f"def f():\n    x\n    {IGNORE}\ny = 1\n", 4, True),
        (f"f(\n    {IGNORE}\n    a,\n    b,\n)\n", 3, True),
        (f"f(\n    {IGNORE}\n    a,\n    b,\n)\n", 4, False),
        (f"{IGNORE}\n@a\n@b(\n  1)\ndef f():\n    x\n", 5, True),
        (f"{IGNORE}\n@a\n@b(\n  1)\ndef f():\n    x\n", 2, True),
        (f"{IGNORE}\n@a\ndef f():\n    x\n", 4, False),
        (f"if x:\n    y\n{IGNORE}\nelse:\n    z\n", 4, True),
    ],
)
def test_a_comment_on_a_line_of_its_own(text: str, line: int, covered: bool) -> None:
    assert ((line, RULE) not in left(text, found(line))) is covered


def test_a_finding_over_a_whole_body_is_not_covered_by_its_last_line() -> None:
    text = f"for x in y:\n    a\n    b  {IGNORE}\n"
    assert (1, RULE) in left(text, found(1, 3))


@pytest.mark.parametrize(
    "text",
    [
        f'x = "{IGNORE}"\n',
        f'x = """\n{IGNORE}\n"""\n',
        f"x = f'{IGNORE}'\n",
        "x = 1  # see torchdoctor: ignore\n",
    ],
)
def test_what_is_no_comment(text: str) -> None:
    assert left(text, found(1)) == [(1, RULE)]


@pytest.mark.parametrize("text", ["# torchdoctor: skip-file\nx = 1\n", "x = 1  # torchdoctor: skip-file\n"])
def test_a_file_that_is_skipped(text: str) -> None:
    assert Suppressions(text, "a.py").skips_file
    assert left(text, found(1), found(2)) == []


def test_a_file_that_is_skipped_need_not_be_python() -> None:
    assert Suppressions('# torchdoctor: skip-file\nprint "x"\n)\n', "a.py").skips_file
    assert Suppressions("# torchdoctor: skip-file\n'''\n", "a.py").skips_file
    assert not Suppressions("'''\n# torchdoctor: skip-file\n", "a.py").skips_file


# -- unused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        (IGNORE, f"the comment suppresses no finding of `{RULE}`"),
        ("# torchdoctor: ignore", "the comment suppresses nothing"),
        ("# torchdoctor: ignore[bare-grad-contxt]", "did you mean bare-grad-context"),
        ("# torchdoctor: ignore[]", "the list of the comment is empty"),
        (f"# torchdoctor: ignore[{RULE}", "the list of the comment is never closed"),
        ("# torchdoctor: ignroe[x]", "`torchdoctor: ignroe` means nothing"),
        ("# torchdoctor: skip-file[x]", "`skip-file` is for all rules"),
    ],
)
def test_a_comment_that_suppresses_nothing(comment: str, told: str) -> None:
    (finding,) = unused(f"x = 1  {comment}\n")
    assert told in finding.message
    assert finding.at is not None and (finding.at.line, finding.at.column) == (1, 8)
    assert finding.at.end_column == 8 + len(comment)


@pytest.mark.parametrize(
    "comment",
    [
        IGNORE,
        "# torchdoctor: ignore",
        "# torchdoctor: ignore[all]",
        f"# torchdoctor: ignore[{RULE}, {suppress.RULE}]",
        "# torchdoctor: ignore[lint]",
    ],
)
def test_a_comment_that_is_used_or_says_that_it_may_be_unused(comment: str) -> None:
    assert unused(f"x = 1  {comment}\n", found(1)) == []


def test_a_comment_for_rules_that_did_not_run_is_not_judged() -> None:
    ran = frozenset({suppress.RULE, OTHER})
    assert unused(f"x = 1  {IGNORE}\n", ran=ran) == []
    assert unused("x = 1  # torchdoctor: ignore\n", ran=ran) == []
    assert unused("x = 1  # torchdoctor: ignore[evaluation]\n", ran=ran) == []
    assert len(unused(f"x = 1  # torchdoctor: ignore[{OTHER}]\n", ran=ran)) == 1


def test_unused_comments_are_told_only_when_that_rule_runs() -> None:
    assert unused(f"x = 1  {IGNORE}\n", ran=ALL - {suppress.RULE}) == []


def test_of_many_names_only_the_idle_ones_are_unused() -> None:
    text = f"x = 1  # torchdoctor: ignore[{OTHER}, {RULE}] why\n"
    (finding,) = unused(text, found(1))
    assert finding.message == f"the comment suppresses no finding of `{OTHER}`"
    assert mend(text, [finding]) == f"x = 1  # torchdoctor: ignore[{RULE}] why\n"


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (f"x = 1  {IGNORE}\ny\n", "x = 1\ny\n"),
        (f"x = 1  {IGNORE} why\n", "x = 1\n"),
        (f"x = 1  {IGNORE}", "x = 1"),
        (f"x = 1  # noqa  {IGNORE}\n", "x = 1  # noqa\n"),
        (f"x = 1  {IGNORE}  # noqa\n", "x = 1  # noqa\n"),
        (f"{IGNORE}\nx = 1\n", "x = 1\n"),
        (f"if x:\r\n    {IGNORE}\r\n    y\r\n", "if x:\r\n    y\r\n"),
        (f"if x:\n\t{IGNORE} # noqa\n\ty\n", "if x:\n\t# noqa\n\ty\n"),
        (f"f(\n  {IGNORE}\n  a)\n", "f(\n  a)\n"),
        (f"x = 1\n{IGNORE}", "x = 1\n"),
    ],
)
def test_an_unused_comment_is_taken_away(text: str, mended: str) -> None:
    assert mend(text, unused(text)) == mended
    assert unused(mended) == []


def test_a_misspelled_name_is_left_to_the_author() -> None:
    (finding,) = unused("x = 1  # torchdoctor: ignore[bare-grad-contxt]\n")
    assert finding.edits == ()


# -- any text ----------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("x = 1", "f(", ")", "\n", "\r\n", "\r", "\f", "    ", "\t", '"""', "'", "\\", "#", "é日", "def g():", "@a"),
        *("# torchdoctor: ignore", "# torchdoctor: ignore[", "# torchdoctor: skip-file", "# torchdoctor:", ",", "]"),
        *(IGNORE, "\0"),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join), st.integers(1, 12))
@example("x = (\n# torchdoctor: ignore", 1)
@example("x = 1\\# torchdoctor: ignore[bare-grad-context]", 2)
@example("'    )# torchdoctor: ignoreé日    ))# torchdoctor: ignore# torchdoctor: ignore\\\n\0", 1)
def test_any_text_can_be_read_and_mended(text: str, line: int) -> None:
    suppressions = Suppressions(text, "a.py")
    lines = re.split(r"\r\n?|\n", text)
    for comment in suppressions.comments:
        at = comment.at
        assert (
            lines[at.line - 1][at.column - 1 : at.end_column - 1].lower().replace(" ", "").startswith("#torchdoctor:")
        )
    kept = suppressions.apply([found(line)], ALL)
    mended = mend(text, [f for f in kept if f.rule == suppress.RULE])
    if (before := meaning(text)) is not None:
        assert meaning(mended) == before, "mending touched more than comments"


def meaning(text: str) -> str | None:
    """What Python reads in a text; None where it is not Python, and so is never mended."""
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError):
        return None
