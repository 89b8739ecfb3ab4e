"""The house police: the form that every rule keeps. Each failure says what to do.

What a page *claims* is tested block by block (conftest.py at the root); here stands what must be there at all.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.specifiers import InvalidSpecifier, SpecifierSet

import torchdoctor.checks
import torchdoctor.signs
from torchdoctor import catalogue, check, explained, sign, testing
from torchdoctor.finding import Finding, Span
from torchdoctor.lint import lint
from torchdoctor.rule import SEVERITIES, TOPICS, Page, Rule, read_blocks, read_page
from torchdoctor.style import unstylish
from torchdoctor.suppress import Suppressions

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "torchdoctor"
RULES = sorted(catalogue.rules())
HEADINGS = ("Cure", "More cases", "When to ignore it", "References")

# Rules that no check and no sign finds, and what finds them.
FOUND_ELSEWHERE = {"unused-suppression": "suppress.py, when all findings of a file are known"}

CHECK_LINES, PAGE_LINES, CORE_LINES = 85, 120, 300
# Core modules that may be longer, with the reason.
LONGER: dict[str, tuple[int, str]] = {
    "facts/calls.py": (485, "one dispatch over everything that can be called; the protocol of training is apart"),
    "facts/expressions.py": (445, "one evaluator, a short method a kind of expression"),
}

PAGE_SIZE = (25, PAGE_LINES)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
# What names one machine, or the place where this was written, has no business in the repository.
MACHINE = re.compile(r"/(?:root|home/\w+|Users/\w+|work)/|/tmp/\w|\bissues? #?\d")


@cache
def page(name: str) -> Page:
    return catalogue.page(name)


@cache
def findings_of(name: str) -> tuple[tuple[testing.Part, Finding], ...]:
    """All that a rule finds in the `bad` blocks of its page."""
    parts = [part for block in page(name).blocks if block.word == "bad" for part in [testing.parts_of(block)]]
    return tuple((part, f) for block in parts for part, found in testing.lint_parts(block, {name}) for f in found)


def told(one: sign.RecordSign, block: str) -> bool | None:
    """Whether this sign finds its rule in a page's record; None where that is of another kind."""
    try:
        return any(True for _ in one.run(explained.record_in(one.kind, block)))
    except ValueError:
        return None


def detectors(package: object) -> dict[str, str]:
    """Topic by rule name, for the modules of `torchdoctor.checks` or `torchdoctor.signs`."""
    prefix = f"{package.__name__}."  # type: ignore[attr-defined]
    modules = pkgutil.walk_packages(package.__path__, prefix)  # type: ignore[attr-defined]
    names = [m.name.removeprefix(prefix).split(".") for m in modules if not m.ispkg]
    return {parts[-1].replace("_", "-"): ".".join(parts[:-1]) for parts in names if not parts[-1].startswith("_")}


CHECKS, SIGNS = detectors(torchdoctor.checks), detectors(torchdoctor.signs)


# -- pages and detectors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_every_page_has_a_detector(name: str) -> None:
    if name in FOUND_ELSEWHERE:
        assert name not in CHECKS and name not in SIGNS, f"take {name} out of FOUND_ELSEWHERE: it has a detector"
        return
    topic = catalogue.rule(name).topic
    module = name.replace("-", "_")
    assert topic in (CHECKS.get(name), SIGNS.get(name)), (
        f"no detector for rules/{topic}/{name}.md: write torchdoctor/checks/{topic}/{module}.py"
    )


@pytest.mark.parametrize("name", sorted({*CHECKS, *SIGNS}))
def test_every_detector_has_a_page(name: str) -> None:
    topic = CHECKS.get(name) or SIGNS.get(name)
    assert name in catalogue.rules(), f"write rules/{topic}/{name}.md: `torchdoctor new {topic}/{name}` begins it"
    assert catalogue.rule(name).topic == topic, f"the page and the detector of {name} lie in different topics"


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_module_holds_a_check(name: str) -> None:
    module = importlib.import_module(f"torchdoctor.checks.{CHECKS[name]}.{name.replace('-', '_')}")
    own = [value for value in vars(module).values() if isinstance(value, check.Check)]
    assert own, f"{module.__name__} holds no function decorated with one of check.py's decorators"
    assert {c.rule for c in own} == {name}, (
        f"{module.__name__} imports the check of another rule: import the function's parts"
    )
    for one in own:
        assert one.words, f"a check of {name} has no `words`: every file would be parsed for it"
    assert (module.__doc__ or "").strip(), (
        f"{module.__name__} needs a docstring: what it looks for, and where it is silent"
    )


@pytest.mark.parametrize("name", sorted(SIGNS))
def test_every_sign_module_holds_a_sign(name: str) -> None:
    module = importlib.import_module(f"torchdoctor.signs.{SIGNS[name]}.{name.replace('-', '_')}")
    own = [value for value in vars(module).values() if isinstance(value, (sign.Sign, sign.RecordSign))]
    assert own, f"{module.__name__} holds no function decorated with one of sign.py's decorators"
    assert {s.rule for s in own} == {name}, (
        f"{module.__name__} imports the sign of another rule: import the function's parts"
    )
    assert (module.__doc__ or "").strip(), (
        f"{module.__name__} needs a docstring: what failure it tells, and where it is silent"
    )
    words = {block.word for block in page(name).blocks}
    for one in own:
        if isinstance(one, sign.RecordSign):
            for word in ("record", "healthy"):
                found = [told(one, block.text) for block in page(name).blocks if block.word == word]
                assert (word == "record") in found, (
                    f"the page of {name} needs, as a {one.kind.__name__}, a `json record` block in which its sign "
                    f"finds it, and a `json healthy` one in which it does not"
                )
            continue
        assert "raises" in words or page(name).rule.unproven, (
            f"the page of {name} has no `raises` block: nothing shows that its sign tells such a failure"
        )
        assert one.templates or one.raises, (
            f"a sign of {name} has neither texts nor exceptions: it is asked of everything"
        )


@pytest.mark.parametrize("name", RULES)
def test_names(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), "a rule's name is lower-case words joined by dashes"
    assert len(name) <= 45, "the name is too long to be typed in an ignore comment"
    assert name not in {*TOPICS, *SEVERITIES, "all"}, "the name is taken: it selects a group of rules"


# -- the form of a page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_the_form_of_a_page(name: str) -> None:
    faults = [
        *headings(page(name)),
        *front_matter(page(name).rule),
        *blocks(page(name), name not in SIGNS or name in CHECKS),
    ]
    assert not faults, "\n".join(faults)


def headings(page: Page) -> Iterator[str]:
    levels = [(level, text) for level, text, _ in page.headings]
    if not levels or levels[0][0] != 1 or not page.body.startswith("# "):
        yield "a page begins with `# ` and the ailment, right below the front matter"
    texts = [text for _, text in levels[1:]]
    if any(level != 2 for level, _ in levels[1:]):
        yield "below the title, headings have two signs: `## Cure`"
    if unknown := sorted(set(texts) - set(HEADINGS)):
        yield f"unknown headings {unknown}; known: {HEADINGS}"
    if "Cure" not in texts:
        yield "`## Cure` is missing"
    if texts != [h for h in HEADINGS if h in texts] and not unknown:
        yield f"headings stand once each, in the order {HEADINGS}"
    prose = re.sub(r"^```.*?^```$", "", page.body, flags=re.MULTILINE | re.DOTALL)
    for section in re.split(r"^#{1,2} ", prose, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        if title.strip() != "More cases" and not text.strip():
            yield f"the section {title.strip()!r} says nothing"


def front_matter(rule: Rule) -> Iterator[str]:
    for key in ("summary", "cure"):
        value = getattr(rule, key)
        if value.endswith("."):
            yield f"the {key} is one line without a final period"
        if re.match(r"[A-Z][a-z]+ ", value):
            yield f"the {key} begins lower-case, or with a name"
        if len(value) > 140:
            yield f"the {key} is one line of at most 140 characters"
    if not rule.see.startswith("https://"):
        yield "`see` is an address"
    if not re.fullmatch(r"\d+\.\d+\.\d+", rule.since):
        yield "`since` is a version of torchdoctor, as 0.1.0"
    try:
        SpecifierSet(rule.torch)
    except InvalidSpecifier:
        yield "`torch` is a range of versions, as >=2.6"
    for other in rule.also:
        if other not in catalogue.rules() or other == rule.name:
            yield f"`also` names {other!r}, which is no other rule"


def blocks(page: Page, linted: bool) -> Iterator[str]:
    words = {block.word for block in page.blocks if block.language == "python"}
    if linted and "bad" not in words:
        yield "a page shows at least one `bad` block"
    if linted and not {"good", "fixed"} & words:
        yield "a page shows a `good` or a `fixed` block"
    if linted and page.rule.fix != "none" and "fixed" not in words:
        yield "a rule that mends shows a `fixed` block"
    if page.rule.severity != "note":
        proven = bool({"proof", "raises"} & words)
        if not proven and not page.rule.unproven:
            yield "an error or a warning carries its proof, or says in `unproven:` why not"
        if proven and page.rule.unproven:
            yield "the page has a proof: take `unproven:` out"


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_fixes_are_what_the_page_says(name: str) -> None:
    rule = catalogue.rules()[name]
    mends = any(finding.edits for _, finding in findings_of(name))
    if rule.fix == "none":
        assert not mends, "the check makes edits: the page's `fix` is safe or unsafe"
    else:
        assert mends, f"`fix: {rule.fix}`, but no finding in the `bad` blocks carries edits"


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_messages_keep_the_style(name: str) -> None:
    assert findings_of(name), "the `bad` blocks give no finding at all"
    for _, finding in findings_of(name):
        for text in (finding.message, *(mark.text for mark in finding.marks), *finding.evidence):
            assert not (wrong := unstylish(text)), f"{wrong}: {text!r}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`evaluate` runs `model` in eval mode with gradients on: each forward keeps its graph", False),
        ("`optimizer.step()` runs before `loss.backward()`, so it moves by the gradients of the last batch", False),
        ("Adam's state is lost", True),
        ("the loss is kept.", True),
        ("the loss is kept, use `.item()`", True),
        ("the loss `use` is kept", False),
        ("you should detach", True),
        ("two\nlines", True),
        ("", True),
        ("an `open tick", True),
    ],
)
def test_the_style_can_be_broken(text: str, wrong: bool) -> None:
    assert bool(unstylish(text)) is wrong


# -- sizes and names ---------------------------------------------------------------------------------------------------


def python_files() -> list[Path]:
    folders = (PACKAGE, ROOT / "tests", ROOT / "examples")
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name", RULES)
def test_a_page_fits(name: str) -> None:
    least, most = PAGE_SIZE
    lines = _lines(Path(page(name).path))
    where = f"tests/cases/{catalogue.rule(name).topic}/{name}.md"
    assert lines <= most, f"the page has {lines} lines, {most} are enough: move long regressions to {where}"
    assert lines >= least, f"the page has {lines} lines: fewer than {least} cannot say what, why and how to cure it"


def test_sizes_of_modules() -> None:
    long = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        detector = re.match(r"(checks|signs)/\w+/[a-z]\w*\.py$", name)
        most = LONGER[name][0] if name in LONGER else CHECK_LINES if detector else CORE_LINES
        if _lines(path) > most:
            long.append(f"{name}: {_lines(path)} lines, at most {most}")
    assert not long, "split what has grown, or list it in LONGER with the reason:\n" + "\n".join(long)


def test_the_list_of_longer_modules_is_current() -> None:
    for name, (most, _) in LONGER.items():
        assert (PACKAGE / name).is_file(), f"take {name} out of LONGER: it is gone"
        assert _lines(PACKAGE / name) > CORE_LINES, f"take {name} out of LONGER: it has become short"
        assert most <= 700, f"{name} may not have {most} lines: split it"


def test_no_module_is_named_for_nothing() -> None:
    bad = [path for path in python_files() if path.stem.strip("_") in FORBIDDEN_NAMES]
    assert not bad, f"name a module for the one idea in it: {[str(p.relative_to(ROOT)) for p in bad]}"


def test_nothing_names_a_machine() -> None:
    texts = [*python_files(), *ROOT.glob("*.*"), *(ROOT / "rules").rglob("*.md"), *(ROOT / ".ci").iterdir()]
    found = []
    for path in texts:
        if path.is_file() and path != Path(__file__):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                f"{path.relative_to(ROOT)}:{n}: {line.strip()}"
                for n, line in enumerate(lines, 1)
                if MACHINE.search(line)
            ]
    assert not found, "these lines name one machine's folders, or an issue by number:\n" + "\n".join(found)


# -- rules/README.md tells the form that is held -----------------------------------------------------------------------


def _readme() -> str:
    return (ROOT / "rules" / "README.md").read_text(encoding="utf-8")


def _table(heading: str) -> list[str]:
    section = re.split(r"^## ", _readme(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    return re.findall(r"^\| `([\w]+)` \|", text, flags=re.MULTILINE)


def test_the_form_is_told_as_it_is() -> None:
    from torchdoctor import rule

    assert tuple(_table("Front matter")) == rule._REQUIRED + rule._OPTIONAL
    assert tuple(_table("Blocks")) == testing.WORDS + testing.RECORD_WORDS
    section = re.split(r"^## ", _readme(), flags=re.MULTILINE)
    headings = next(part for part in section if part.startswith("Headings"))
    assert tuple(re.findall(r"^\d+\. `## (.*?)`", headings, flags=re.MULTILINE)) == HEADINGS
    assert f"at most {PAGE_LINES} lines" in _readme()


def _example(old: str = "", new: str = "") -> Page:
    outer = next(b for b in read_blocks(_readme(), path="rules/README.md") if b.language == "markdown")
    assert old in outer.text
    text = outer.text.replace(old, new) if old else outer.text
    return read_page(text, path="rules/README.md", topic="training", name="step-before-backward")


def test_the_example_of_the_form_keeps_it() -> None:
    example = _example()
    assert not [*headings(example), *front_matter(example.rule), *blocks(example, True)]
    above = None
    for block in example.blocks:
        if "proof" not in block.words or importlib.util.find_spec("torch"):
            testing.check_block(block, "step-before-backward", above=above, page="rules/README.md")
        above = block


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("## Cure", "## Remedy", "`## Cure` is missing"),
        ("## Cure", "### Cure", "two signs"),
        ("# The optimizer steps before backward\n", "", "begins with"),
        ("## When to ignore it", "## Cure", "once each"),
        ("## Cure", "## References\n\nSome.\n\n## Cure", "in the order"),
        ("What to write, and what it changes.", "", "'Cure' says nothing"),
        ("gradients of this batch are there", "gradients are there.", "without a final period"),
        ("cure: call", "cure: Always call", "cure begins lower-case"),
        ("summary: the", "summary: The", "summary begins lower-case"),
        ("https://docs", "docs", "is an address"),
        ("since: 0.1.0", "since: now", "version of torchdoctor"),
        ("since: 0.1.0", "since: 0.1.0\ntorch: new", "range of versions"),
        ("since: 0.1.0", "since: 0.1.0\nalso: no-such-rule", "no other rule"),
        ("since: 0.1.0", "since: 0.1.0\nunproven: too hard", "take `unproven:` out"),
        ("fix: none", "fix: safe", "shows a `fixed` block"),
        ("```python bad", "```text bad", "at least one `bad`"),
        ("```python good", "```text good", "a `good` or a `fixed`"),
        ("```python proof", "```text proof", "carries its proof"),
    ],
)
def test_each_part_of_the_form_can_be_broken(old: str, new: str, told: str) -> None:
    broken = _example(old, new)
    faults = [*headings(broken), *front_matter(broken.rule), *blocks(broken, True)]
    assert any(told in fault for fault in faults), faults


# -- the linter as a whole ---------------------------------------------------------------------------------------------


def _everything(order: random.Random | None = None) -> list[Finding]:
    """All findings of all rules in all `bad` blocks, with the checks in their own order or shuffled."""
    found = []
    for name in RULES:
        for block in page(name).blocks:
            if block.word == "bad":
                for part, findings in testing.lint_parts(testing.parts_of(block), RULES):
                    found += [(name, block.line, part.path, finding) for finding in findings]
    return found  # type: ignore[return-value]


def test_the_order_of_checks_does_not_matter_and_twice_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _everything()
    shuffled = list(check.all_checks())
    random.Random(0).shuffle(shuffled)
    monkeypatch.setattr(check, "all_checks", lambda: tuple(shuffled))
    assert _everything() == first


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_edits_lie_in_the_text_and_never_overlap(name: str) -> None:
    for part, finding in findings_of(name):
        assert finding.at is not None and within(finding.at, part.text), f"{finding.at} is not in the text"
        for edit in finding.edits:
            assert within(edit.at, part.text), f"the edit at {edit.at} is not in the text"
            assert edit.at.path == part.path, "an edit stays in the file of its finding"
        spans = sorted((edit.at.start, edit.at.end) for edit in finding.edits)
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), f"edits overlap: {spans}"


def within(at: Span, text: str) -> bool:
    """Whether a span lies in the text: lines and columns are there, and it ends after it begins."""
    lines = [*re.split(r"\r\n?|\n", text), ""]
    inside = all(
        1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1 for line, column in (at.start, at.end)
    )
    return inside and at.start <= at.end


def test_the_linter_finds_nothing_in_itself() -> None:
    found = []
    for path in [*python_files(), ROOT / "conftest.py"]:
        if not path.is_relative_to(ROOT / "examples"):
            text, shown, rules = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)), catalogue.select()
            found += Suppressions(text, shown).apply(lint(text, shown, rules=rules), rules)
    assert not found, "\n".join(f"{f.at.path}:{f.at.line}: {f.rule}: {f.message}" for f in found if f.at)
