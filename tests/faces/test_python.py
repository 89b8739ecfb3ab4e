"""``torchdoctor.lint`` and ``torchdoctor.explain``."""

from __future__ import annotations

import subprocess
import sys

import pytest

import torchdoctor
from tests.faces.conftest import SICK, WELL, Write
from torchdoctor.errors import ConfigError, UnknownRule

RULE = "bare-grad-context"


def test_files_and_folders(write: Write) -> None:
    root = write({"pkg/a.py": SICK, "pkg/broken.py": "import torch\nno_grad(\n", "b.py": SICK, "c.py": SICK})
    report = torchdoctor.lint("pkg", root / "b.py")
    assert isinstance(report, torchdoctor.Report)
    assert sorted(f.at.path.replace("\\", "/") for f in report if f.at) == ["b.py", "pkg/a.py"]
    assert (len(report), bool(report), report.files) == (2, True, 3)
    assert [failure.line for failure in report.failures] == [2]
    assert all(isinstance(finding, torchdoctor.Finding) for finding in report)


def test_a_text(write: Write) -> None:
    write({"torchdoctor.toml": f'[per-file-ignores]\n"skipped.py" = ["{RULE}"]\n'})
    report = torchdoctor.lint(text=SICK)
    assert [(f.rule, f.at and (f.at.path, f.at.line)) for f in report] == [(RULE, ("<string>", 5))]
    assert not torchdoctor.lint(text=WELL)
    assert not torchdoctor.lint(text=SICK, filename="skipped.py")
    assert torchdoctor.lint(text=SICK, filename="skipped.py", settings=False)
    assert torchdoctor.lint(text="import torch\nno_grad(").failures
    assert torchdoctor.lint(text="import torch\nno_grad = '\udc80'\n").failures
    assert torchdoctor.lint(text="\ufeff" + SICK).findings[0].at == torchdoctor.lint(text=SICK).findings[0].at


def test_selecting(write: Write) -> None:
    write({"torchdoctor.toml": f'ignore = ["{RULE}"]\n', "a.py": SICK})
    assert not torchdoctor.lint("a.py")
    assert torchdoctor.lint("a.py", select=[RULE])
    assert not torchdoctor.lint("a.py", select=["error"], ignore=["evaluation"])
    with pytest.raises(UnknownRule, match="did you mean bare-grad-context"):
        torchdoctor.lint("a.py", select=["bare-grad-contxt"])
    write({"torchdoctor.toml": "nonsense = 1\n"})
    with pytest.raises(ConfigError, match="there is no key `nonsense`"):
        torchdoctor.lint("a.py")


def test_paths_or_a_text(write: Write) -> None:
    with pytest.raises(TypeError, match="paths, or text"):
        torchdoctor.lint()
    with pytest.raises(TypeError, match="paths, or text"):
        torchdoctor.lint("a.py", text="x")


def test_explain() -> None:
    assert torchdoctor.explain(RULE).startswith("# ")
    with pytest.raises(UnknownRule):
        torchdoctor.explain("nothing-like-it")


def test_names(write: Write) -> None:
    assert set(torchdoctor.__all__) <= set(dir(torchdoctor))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        torchdoctor.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import torchdoctor.lint", "import torchdoctor", "from torchdoctor.lint import mend"]
)
def test_the_function_keeps_its_name_whatever_is_imported_first(first: str) -> None:
    code = (
        f"{first}\nimport sys, torchdoctor\n"
        "assert torchdoctor.lint(text='import torch').files == 1\n"
        "from torchdoctor import lint\nassert callable(lint)\n"
        "from torchdoctor.lint import examine\n"
        "assert sys.modules['torchdoctor.lint'].lint.__module__ == 'torchdoctor.lint'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
