"""Tests what a rule's page claims, block by block: for the house's own pages, and for the pages of your own rules.

``check_block`` lints, mends or runs one fenced block and raises BlockFailure, with the page's line, where the block
does not hold. Nothing here needs a test framework.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from torchdoctor import catalogue, explained, suppress
from torchdoctor.errors import TorchdoctorError
from torchdoctor.facts.file import File
from torchdoctor.facts.modules import module_name
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.finding import Finding
from torchdoctor.lint import lint, mend
from torchdoctor.rule import Block
from torchdoctor.suppress import Suppressions

WORDS = ("bad", "good", "fixed", "proof", "raises")
RECORD_WORDS = ("record", "healthy")
FILE_NAME = "example.py"
_ERROR = re.compile(r"[ \t]*# error[ \t]*$", re.MULTILINE)
_FILE = re.compile(r"^# file: *(\S+)[ \t]*$")
_PASSES = 10


class BlockFailure(AssertionError):
    """A block does not hold. ``line`` is the page's line to look at; the text says what was claimed and what is so."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a block: its path, its text, and the page's line that its first line stands on."""

    path: str
    text: str
    line: int


def check_block(block: Block, rule: str, *, above: Block | None = None, page: str = "<page>") -> None:
    """Test one block of the page of ``rule``; ``above`` is the Python block before it.

    bad: the rule fires on exactly the lines that end in ``# error``, and no other rule that is on by default fires.
    good: nothing fires. fixed: what mending makes of the block above. proof: runs. raises: runs and fails, with the
    exception and message that the words after it name; where the rule has a sign, the failure is explained, live and
    from its text alone, and what is told first of the live one is this rule. output: the report of the block above.
    A JSON block is a record that the rule's sign reads. record: the rule is found in it. healthy: nothing is found.
    Raises BlockFailure.
    """
    if block.language == "text" and block.word == "output":
        _compare(
            block,
            report(_needed(block, above), rule),
            f"the report of the block above, at line {above and above.line}",
        )
    elif block.language == "json":
        if fault := explained.record_fault(rule, block.word, block.text):
            raise BlockFailure(block.line, fault)
    elif block.word in ("bad", "good"):
        _check_marked(block, rule)
    elif block.word == "fixed":
        _check_fixed(block, rule, _needed(block, above))
    elif block.word in ("proof", "raises"):
        from torchdoctor.proving import run

        told: list[tuple[int, str]] = []
        witness = None if block.word == "proof" else lambda error: told.extend(explained.faults(rule, error))
        _check_run(block, run(block.text, line=block.line, page=page, witness=witness))
        if told:
            raise BlockFailure(told[0][0] or block.line, told[0][1])
    else:
        raise BlockFailure(
            block.line - 1,
            f"a Python block of a page is one of {', '.join(WORDS)}; this one is {block.word or 'none'!r}",
        )


# -- linting -----------------------------------------------------------------------------------------------------------


def parts_of(block: Block) -> list[Part]:
    """The files of a block: lines ``# file: pkg/layers.py`` begin one each; without any, the block is one file."""
    lines = block.text.splitlines(keepends=True)
    starts = [(index, found[1]) for index, line in enumerate(lines) if (found := _FILE.match(line))]
    if not starts:
        return [Part(FILE_NAME, block.text, block.line)]
    if starts[0][0] != 0:
        raise BlockFailure(block.line, "a block that holds several files begins with a `# file:` line")
    ends = [index for index, _ in starts[1:]] + [len(lines)]
    return [
        Part(path, "".join(lines[start + 1 : end]), block.line + start + 1)
        for (start, path), end in zip(starts, ends, strict=True)
    ]


def lint_parts(parts: Sequence[Part], rules: Iterable[str]) -> list[tuple[Part, list[Finding]]]:
    """Lint files together as one project, without touching any but a temporary folder.

    Every folder counts as a package: an ``__init__.py`` that is not given is there and empty. Comments that suppress
    count, as on the command line.
    """
    rules = frozenset(rules)
    with _written(parts) as root:
        neighbours = Neighbours((root,), lambda path, module, all_: _load(root, path, module, all_))
        return [(part, _lint_part(root, part, rules, neighbours)) for part in parts]


def _lint_part(root: Path, part: Part, rules: frozenset[str], neighbours: Neighbours) -> list[Finding]:
    name = module_name(root / part.path)[0]
    found = lint(part.text, part.path, rules=rules, module_name=name, neighbours=neighbours)
    return Suppressions(part.text, part.path).apply(found, rules)


def _load(root: Path, path: Path, module: str, neighbours: Neighbours) -> File | None:
    try:
        text = path.read_text(encoding="utf-8")
        return File(text, path.relative_to(root).as_posix(), module_name=module, neighbours=neighbours)
    except Exception:  # a neighbour that cannot be parsed is a neighbour that nothing is known of
        return None


@contextmanager
def _written(parts: Sequence[Part]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="torchdoctor-") as folder:
        root = Path(folder).resolve()
        for part in parts:
            path = root / PurePosixPath(part.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            for parent in path.relative_to(root).parents:
                if parent != Path("."):
                    (root / parent / "__init__.py").touch()
            path.write_text(part.text, encoding="utf-8")
        yield root


def _check_marked(block: Block, rule: str) -> None:
    """Compare the lines marked ``# error`` with the findings of all rules that are on by default, and of this one."""
    wrong: list[tuple[int, str, str]] = []
    marks = 0
    for part, findings in _findings(parts_of(block), rule):
        lines = part.text.splitlines()
        marked = {number for number, line in enumerate(lines, 1) if _ERROR.search(line)}
        marks += len(marked)
        fired = {finding.at.line for finding in findings if finding.at is not None and finding.rule == rule}
        for number in marked - fired:
            wrong.append(
                (
                    part.line + number - 1,
                    lines[number - 1],
                    f"marked `# error`, but {rule} does not fire here",
                )
            )
        for finding in findings:
            number = finding.at.line if finding.at is not None else 1
            if finding.rule != rule or number not in marked:
                source = lines[number - 1] if number <= len(lines) else ""
                wrong.append((part.line + number - 1, source, f"{finding.rule} fires: {finding.message}"))
    if wrong:
        raise BlockFailure(min(wrong)[0], _told(f"the `{block.word}` block is not what it says", wrong))
    if block.word == "bad" and not marks:
        raise BlockFailure(
            block.line,
            "a `bad` block marks with `# error` each line where the rule fires; this one marks none",
        )
    if block.word == "good" and marks:
        raise BlockFailure(block.line, "a `good` block marks no line with `# error`")


def _findings(parts: Sequence[Part], rule: str) -> list[tuple[Part, list[Finding]]]:
    try:
        return lint_parts(parts, catalogue.select() | {rule})
    except TorchdoctorError:
        raise
    except Exception as error:
        if type(error).__name__ != "ParserSyntaxError":
            raise
        raise BlockFailure(parts[0].line, f"the block is not Python: {error}") from None


def _told(title: str, wrong: Iterable[tuple[int, str, str]]) -> str:
    rows = [title]
    for number, source, what in sorted(set(wrong)):
        rows += [f"  {number:>4} | {source.rstrip()}", f"       ^ {what}"]
    return "\n".join(rows)


# -- mending -----------------------------------------------------------------------------------------------------------


def mended(parts: Sequence[Part], rule: str) -> list[Part]:
    """The files with all that this rule finds mended, as ``--fix --unsafe-fixes`` does it."""
    # Which comments suppress nothing is only known when the rules that they name are looked for.
    rules = catalogue.select() if rule == suppress.RULE else {rule}
    for _ in range(_PASSES):
        before = parts
        found = [(part, [f for f in findings if f.rule == rule]) for part, findings in lint_parts(parts, rules)]
        parts = [Part(part.path, mend(part.text, findings), part.line) for part, findings in found]
        if parts == before:
            return list(parts)
    raise BlockFailure(parts[0].line, f"mending {rule} {_PASSES} times over still changes the text")


def _check_fixed(block: Block, rule: str, above: Block) -> None:
    if above.word != "bad":
        raise BlockFailure(block.line, "a `fixed` block stands directly below the `bad` block that it mends")
    found = mended([Part(p.path, _ERROR.sub("", p.text), p.line) for p in parts_of(above)], rule)
    claimed = parts_of(block)
    if [part.path for part in found] != [part.path for part in claimed]:
        raise BlockFailure(block.line, "a `fixed` block holds the same files, in the same order, as the block above")
    for here, there in zip(claimed, found, strict=True):
        _compare(Block("python", block.words, here.text, here.line), there.text, "the block above, mended")
    _check_marked(Block("python", ("fixed",), block.text, block.line), rule)
    if [part.text for part in mended(claimed, rule)] != [part.text for part in claimed]:
        raise BlockFailure(block.line, "mending the `fixed` block changes it again")


def _needed(block: Block, above: Block | None) -> Block:
    if above is None:
        raise BlockFailure(block.line, f"a `{block.word}` block stands below the block that it belongs to")
    return above


def _compare(block: Block, found: str, what: str) -> None:
    if block.text == found:
        return
    claimed, real = block.text.splitlines(), found.splitlines()
    first = next(
        (i for i, (a, b) in enumerate(zip(claimed, real, strict=False)) if a != b),
        min(len(claimed), len(real)),
    )
    import difflib

    diff = difflib.unified_diff(claimed, real, "the page says", what, lineterm="")
    raise BlockFailure(block.line + first, "\n".join([f"the `{block.word}` block is not {what}", *diff]))


# -- reports and runs --------------------------------------------------------------------------------------------------


def report(block: Block, rule: str) -> str:
    """What ``torchdoctor lint --select RULE`` prints for the files of a block."""
    from click.testing import CliRunner

    from torchdoctor.faces.cli import main
    from torchdoctor.faces.paint import WIDTH

    parts = [Part(p.path, _ERROR.sub("", p.text), p.line) for p in parts_of(block)]
    with _written(parts) as root:
        here = os.getcwd()
        os.chdir(root)
        try:
            result = CliRunner(env={"COLUMNS": str(WIDTH)}).invoke(
                main, ["lint", "--no-cache", "--select", rule, *(p.path for p in parts)]
            )
        finally:
            os.chdir(here)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return "".join(line.rstrip() + "\n" for line in result.output.splitlines())


def _check_run(block: Block, failure: tuple[int, BaseException, str] | None) -> None:
    if block.word == "proof":
        if failure is not None:
            raise BlockFailure(failure[0], f"the proof does not hold\n{failure[2]}")
        return
    words = [word for word in block.words[1:] if word not in ("gpu", "cpu")]
    if failure is None:
        raise BlockFailure(block.line, "a `raises` block fails when it is run; this one ran to its end")
    line, error, trace = failure
    if words and words[0] not in {kind.__name__ for kind in type(error).__mro__}:
        raise BlockFailure(
            line, f"the block raises {words[0]}, says the page; it raised {type(error).__name__}\n{trace}"
        )
    if (message := " ".join(words[1:])) and message.lower() not in str(error).lower():
        raise BlockFailure(line, f"the message holds {message!r}, says the page; it does not\n{trace}")
