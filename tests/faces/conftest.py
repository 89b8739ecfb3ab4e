"""Reports to show, and the command to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from torchdoctor.faces.cli import main
from torchdoctor.finding import Edit, Finding, Mark, Span
from torchdoctor.project.report import Failure, Report

SICK = "import torch\n\n\ndef f(model, x):\n    torch.no_grad()\n    return model(x)\n"
WELL = "import torch\n\n\ndef f(model, x):\n    with torch.no_grad():\n        return model(x)\n"
MENDABLE = "import torch\n\nwith torch.no_grad:\n    x\n"
Write = Callable[[Mapping[str, "str | bytes"]], Path]
Command = Callable[..., Result]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files into an empty folder, which is then the current one; returns the folder."""
    root = tmp_path.resolve()
    monkeypatch.chdir(root)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (root / ".git").mkdir()

    def writer(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return writer


@pytest.fixture
def command() -> Command:
    """Runs the command in this process."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(main, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def at(path: str, line: int, column: int, end_line: int, end_column: int) -> Span:
    return Span(path, line, column, end_line, end_column)


@pytest.fixture
def report() -> Report:
    """One finding of each kind: with marks and edits, in another file, without a place; and failures."""
    here = at("pkg/a b.py", 5, 5, 5, 20)
    marks = (Mark(at("pkg/a b.py", 4, 1, 4, 17), "in `f`"), Mark(at("pkg/é.py", 1, 1, 1, 2), "made, here: 100%"))
    edits = (Edit(here, "new\n"), Edit(at("pkg/a b.py", 1, 1, 1, 1), "first\n"))
    return Report(
        findings=[
            Finding("bare-grad-context", "gradients stay on", here, marks, ("seen: 3 times",), edits),
            Finding("missing-zero-grad", "`a, b`: 50% of it", at("pkg/a b.py", 6, 5, 8, 3)),
            Finding("unused-suppression", "nowhere", None),
            Finding("cuda-without-availability-check", "needs a GPU", at("pkg/é.py", 2, 1, 2, 4)),
        ],
        files=7,
        failures=[Failure("pkg/broken.py", "syntax error at line 3: x", 3), Failure("none", "there is no such file")],
    )
