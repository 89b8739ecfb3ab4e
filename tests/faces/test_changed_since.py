"""``lint --changed-since REV``: only what lies on changed lines is told, with the whole project in view."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faces.conftest import MENDABLE, SICK, WELL
from tests.repository import Repository

RULE = "bare-grad-context"
COPY = SICK.replace("import torch\n", "").replace("def f", "def g")
Lint = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Repository(tmp_path.resolve())


def lint(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one run, in a process of its own."""
    words = [sys.executable, "-m", "torchdoctor", "lint", "--no-cache", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, input=stdin)
    return done.returncode, done.stdout, done.stderr


def places(*arguments: str) -> list[str]:
    found = json.loads(lint("--format", "json", *arguments)[1])["findings"]
    return [f"{each['path']}:{each['line']}" for each in found]


def test_only_what_the_branch_changes(repository: Repository) -> None:
    repository.commit({"old.py": SICK, "a.py": SICK, "gone.py": SICK})
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit({"a.py": SICK + COPY})
    repository.git("mv", "gone.py", "moved.py")
    repository.write({"new.py": SICK, "old.py": "# a line\n" + SICK})
    assert places() == ["a.py:5", "a.py:10", "moved.py:5", "new.py:5", "old.py:6"]
    code, out, err = lint("--changed-since", "main", "--format", "concise")
    assert code == 1 and err == ""
    told = [line.partition(" ")[0] for line in out.splitlines()]
    assert told[:2] == ["a.py:10:5:", "new.py:5:5:"]
    assert out.endswith("2 findings (2 errors) in 4 files; 3 more are older than the changes since main\n")
    assert places("--changed-since", "main", "old.py", "a.py") == ["a.py:10"]


def test_nothing_has_changed(repository: Repository) -> None:
    repository.commit({"a.py": SICK, "b.py": SICK})
    repository.write({"README": "more\n"})
    note = "note: no Python file has changed since HEAD: there was nothing to look at\n"
    assert lint("--changed-since", "HEAD") == (0, "", note)
    assert lint("--changed-since", "HEAD", "--quiet") == (0, "", "")
    assert json.loads(lint("--changed-since", "HEAD", "--format", "json")[1]) == {
        "version": 1, "findings": [], "files": 0, "errors": [],
    }  # fmt: skip
    assert lint("--changed-since", "HEAD", "none.py", "a.py") == (
        2,
        "",
        note + "error: none.py: there is no such file or folder\n",
    )


def test_a_mark_on_a_changed_line_tells_what_it_did(repository: Repository) -> None:
    """The loss stands in one file and the softmax that spoils it comes into another."""
    net = (
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layer = torch.nn.Linear(3, 3)\n\n    def forward(self, x):\n        x = self.layer(x)\n"
        "        return x.relu()\n"
    )
    train = (
        "import torch.nn.functional as F\nfrom net import Net\n\nmodel = Net()\n\n\ndef f(x, y):\n"
        "    return F.cross_entropy(model(x), y)\n"
    )
    repository.commit({"net.py": net, "train.py": train})
    repository.write({"net.py": net.replace("x.relu()", "torch.softmax(x, 1)")})
    assert places("--changed-since", "HEAD") == ["train.py:8"]
    assert places("--changed-since", "HEAD", "train.py") == ["train.py:8"], "wherever the change is"


def test_a_line_that_was_taken_away(repository: Repository) -> None:
    loop = (
        "import torch\n\n\ndef fit(model, loader):\n    opt = torch.optim.SGD(model.parameters(), 0.1)\n"
        "    for x, y in loader:\n        opt.zero_grad()\n        loss = torch.nn.functional.mse_loss(model(x), y)\n"
        "        loss.backward()\n        opt.step()\n"
    )
    repository.commit({"a.py": loop})
    repository.write({"a.py": loop.replace("        opt.zero_grad()\n", "")})
    assert places() == ["a.py:8"]
    assert places("--changed-since", "HEAD") == ["a.py:8"]


def test_a_change_elsewhere_tells_what_it_did(repository: Repository) -> None:
    """No place of the finding lies in the file that changed, and an older one of the same kind is not told again."""
    net = "import torch\n\n\ndef out(x):\n    return x.relu()\n\n\ndef old(x):\n    return torch.softmax(x, 1)\n"
    train = (
        "import torch.nn.functional as F\nfrom net import old, out\n\n\ndef f(x, y):\n"
        "    return F.cross_entropy(out(x), y)\n\n\ndef g(x, y):\n    return F.cross_entropy(old(x), y)\n"
    )
    repository.commit({"net.py": net, "train.py": train, "alone.py": SICK})
    repository.write({"net.py": net.replace("x.relu()", "torch.softmax(x, 1)")})
    assert places() == ["alone.py:5", "train.py:6", "train.py:10"]
    assert places("--changed-since", "HEAD") == ["train.py:6"]
    assert places("--changed-since", "HEAD", "train.py") == ["train.py:6"]


def test_an_older_finding_in_a_file_that_was_moved_and_changed(repository: Repository) -> None:
    more = "\n\ndef unlike(a, b):\n" + "".join(f"    a = a + b * {n}\n" for n in range(20)) + "    return a\n"
    repository.commit({"pkg/__init__.py": "", "pkg/a.py": SICK + more})
    repository.git("mv", "pkg/a.py", "pkg/b.py")
    repository.write({"pkg/b.py": SICK + more + "\nx = 1\n"})
    assert places("--changed-since", "HEAD") == []
    repository.write({"pkg/b.py": SICK + more + COPY})
    assert places("--changed-since", "HEAD") == ["pkg/b.py:34"]


def test_nothing_of_the_past_is_left_behind(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    repository.commit({"a.py": SICK})
    repository.write({"a.py": SICK + "x = 1\n"})
    before = repository.git("status", "--porcelain"), repository.git("worktree", "list")
    assert places("--changed-since", "HEAD") == []
    assert list(temporary.iterdir()) == []
    assert (repository.git("status", "--porcelain"), repository.git("worktree", "list")) == before


def test_only_what_is_told_is_mended(repository: Repository) -> None:
    more = "\n\ndef f(x):\n    with torch.no_grad:\n        return x\n"
    repository.commit({"a.py": MENDABLE, "b.py": MENDABLE})
    repository.write({"a.py": MENDABLE + more})
    code, out, _ = lint("--changed-since", "HEAD", "--diff")
    assert code == 1 and out.count("\n+    with") == 1 and "+with" not in out
    code, out, _ = lint("--changed-since", "HEAD", "--fix")
    assert code == 0 and out.startswith("1 mended, nothing left in 2 files")
    assert (repository.folder / "a.py").read_text() == MENDABLE + more.replace("no_grad", "no_grad()")
    assert (repository.folder / "b.py").read_text() == MENDABLE


def test_with_a_baseline(repository: Repository) -> None:
    repository.commit({"a.py": SICK, "torchdoctor.toml": 'baseline = "known.json"\n'})
    assert lint("--write-baseline")[0] == 0
    repository.commit()
    repository.write({"a.py": SICK.replace("torch.no_grad()", "torch.no_grad( )"), "b.py": SICK})
    assert places("--changed-since", "HEAD") == ["b.py:5"]
    assert places("--changed-since", "HEAD", "--no-baseline") == ["a.py:5", "b.py:5"]


def test_standard_input_against_a_commit(repository: Repository) -> None:
    repository.commit({"a.py": SICK})
    name = ("--changed-since", "HEAD", "--stdin-filename", "a.py", "-")
    assert lint(*name, stdin=SICK)[0] == 0
    code, out, _ = lint(*name, "--format", "concise", stdin="# unsaved\n" + SICK + COPY)
    assert code == 1 and out.startswith("a.py:11:5: ") and "1 finding (1 error)" in out
    assert lint("--changed-since", "HEAD", "--stdin-filename", "new.py", "-", stdin=SICK)[0] == 1


def test_through_a_link_and_from_below(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repository.commit({"src/sub/a.py": SICK, "src/b.py": WELL})
    repository.write({"src/sub/a.py": SICK + COPY})
    monkeypatch.chdir(repository.folder / "src" / "sub")
    assert places("--changed-since", "HEAD") == ["a.py:10"]
    link = tmp_path.parent / f"{tmp_path.name}-link"
    os.symlink(repository.folder, link)
    monkeypatch.chdir(link)
    assert places("--changed-since", "HEAD", "src") == ["src/sub/a.py:10"]


@pytest.mark.parametrize("format_", ["sarif", "gitlab", "junit", "github"])
def test_machines_read_the_same(repository: Repository, format_: str) -> None:
    repository.commit({"a.py": SICK, "b.py": WELL})
    repository.write({"b.py": SICK})
    code, out, _ = lint("--changed-since", "HEAD", "--format", format_)
    assert code == 1 and "b.py" in out and "a.py" not in out


def test_what_cannot_be_done(repository: Repository) -> None:
    assert lint("--changed-since", "main") == (2, "", "error: --changed-since: git knows no commit 'main' here\n")
    (repository.folder / ".git").rename(repository.folder / "not.git")
    code, _, err = lint("--changed-since", "HEAD")
    assert code == 2 and "is in no repository of git" in err and "Traceback" not in err
