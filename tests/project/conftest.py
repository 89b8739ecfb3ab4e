"""A small project on disk, and the run of the linter over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SICK = "import torch\n\n\ndef f(model, x):\n    torch.no_grad()\n    return model(x)\n"
WELL = "import torch\n\n\ndef f(model, x):\n    with torch.no_grad():\n        return model(x)\n"
Write = Callable[[Mapping[str, "str | bytes"]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files into an empty folder, which is then the current one; returns the folder."""
    root = tmp_path.resolve()
    monkeypatch.chdir(root)
    (root / ".git").mkdir()

    def writer(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return writer
