"""Makes every fenced block of rules/**/*.md and tests/cases/**/*.md a test that fails at the page's line.

It stands beside both folders, so that `pytest rules/loss/softmax-before-cross-entropy.md` tests one page.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import TerminalRepr

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TORCHDOCTOR_RAISE"] = "1"  # a fault of ours fails the test that comes upon it

from torchdoctor import catalogue, testing
from torchdoctor.errors import TorchdoctorError
from torchdoctor.rule import Block, read_blocks

ROOT = Path(__file__).parent
RULES, CASES = ROOT / "rules", ROOT / "tests" / "cases"
_NEEDS_TORCH = re.compile(r"^(?:import torch\b(?!doctor)|from torch[. ])", re.MULTILINE)
_OF_TESTS = re.compile(r"^from (tests\.[\w.]+) import", re.MULTILINE)
_BLESSED = pytest.StashKey[dict[Path, list[tuple[Block, str]]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="write the reports that pages and examples show anew")


def _no_clocks() -> None:
    """No test asserts a time: on a machine that is busy, examples take as long as they take."""
    if importlib.util.find_spec("hypothesis") is not None:
        from hypothesis import HealthCheck, settings

        settings.register_profile("no clocks", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("no clocks")


def pytest_configure(config: pytest.Config) -> None:
    _no_clocks()
    config.stash[_BLESSED] = {}
    if config.getoption("--bless") and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("--bless rewrites files: run it without -n")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without torch, the modules that hold lint against torch are passed over; all others must pass."""
    if collection_path.suffix != ".py" or importlib.util.find_spec("torch") is not None:
        return None
    return _needs_torch(collection_path) or None


@cache
def _needs_torch(path: Path) -> bool:
    """Whether a module of the tests imports torch, itself or by another one."""
    text = path.read_text(encoding="utf-8")
    others = (ROOT / f"{name.replace('.', '/')}.py" for name in _OF_TESTS.findall(text))
    return bool(_NEEDS_TORCH.search(text)) or any(_needs_torch(other) for other in others if other.is_file())


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".md" and file_path.parent.parent in (RULES, CASES):
        return PageFile.from_parent(parent, path=file_path)
    return None


class PageFile(pytest.File):
    """A rule's page, or a page of further cases (`tests/cases/<topic>/<rule>.md`, or `<rule>.<what>.md`)."""

    def collect(self) -> Iterator[pytest.Item]:
        rule = self.path.stem.partition(".")[0]
        shown = self.path.relative_to(ROOT).as_posix()
        try:
            catalogue.rule(rule)
            blocks = list(read_blocks(self.path.read_text(encoding="utf-8"), path=shown))
        except TorchdoctorError as error:
            raise self.CollectError(f"{shown}: {error}") from None
        above = None
        for block in blocks:
            if block.language in ("python", "json") or block.words[:1] == ("output",):
                yield BlockItem.from_parent(
                    self, name=f"{block.line}-{block.word or 'none'}", rule=rule, block=block, above=above
                )
            if block.language == "python":
                above = block


class BlockItem(pytest.Item):
    def __init__(self, *, rule: str, block: Block, above: Block | None, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.rule, self.block, self.above = rule, block, above
        self.shown = self.path.relative_to(ROOT).as_posix()

    def runtest(self) -> None:
        if self.block.word in ("proof", "raises"):
            _skip_unless_runnable(self.block, self.rule)
        if self.block.word == "output" and self.above is not None and self.config.getoption("--bless"):
            found = testing.report(self.above, self.rule)
            self.config.stash[_BLESSED].setdefault(self.path, []).append((self.block, found))
            return
        testing.check_block(self.block, self.rule, above=self.above, page=self.shown)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, testing.BlockFailure):
            return f"{self.shown}:{excinfo.value.line}: {excinfo.value}"
        if isinstance(excinfo.value, TorchdoctorError):
            return f"{self.shown}:{self.block.line}: {excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.block.line - 1, f"{self.shown}:{self.block.line} {self.block.word}"


def _skip_unless_runnable(block: Block, rule: str) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    import torch
    from packaging.specifiers import SpecifierSet

    if "gpu" in block.words and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    if "cpu" in block.words and torch.version.cuda is not None:
        pytest.skip("needs a torch that is built without CUDA")
    release = torch.__version__.partition("+")[0]
    if not SpecifierSet(catalogue.rule(rule).torch).contains(release, prereleases=True):
        pytest.skip(f"the rule holds for torch {catalogue.rule(rule).torch}, this is {release}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    for path, blessed in session.config.stash[_BLESSED].items():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        for block, found in reversed(blessed):
            lines[block.line - 1 : block.line - 1 + len(block.text.splitlines())] = found.splitlines(keepends=True)
        path.write_text("".join(lines), encoding="utf-8")
