"""Programs that are run in processes of their own, with and without torchdoctor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PLAIN: tuple[str, ...] = (sys.executable,)
DOCTOR: tuple[str, ...] = (sys.executable, "-m", "torchdoctor", "run")
# A failure that torch raises and a sign knows, through a module and a line of the user's own.
VIEW = """\
import torch
from torch import nn


class Merge(nn.Module):
    def forward(self, x):
        moved = x.transpose(1, 2)
        return moved.view(2, -1)


net = nn.Sequential(Merge())
"""
FAILS = f"{VIEW}net(torch.zeros(2, 3, 4))\n"
RULE = "view-on-noncontiguous"


@dataclass(frozen=True)
class Ran:
    """What a process left."""

    code: int
    out: str
    err: str


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    stdin: str = "",
    environment: dict[str, str] | None = None,
) -> Ran:
    """Run a command in a folder, with an environment that is the same wherever the tests run."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LD_LIBRARY_PATH", "SYSTEMROOT")
    }
    told = {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
        **(environment or {}),
    }
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, input=stdin, capture_output=True, text=True, env=told, timeout=120
    )
    return Ran(done.returncode, done.stdout, done.stderr)
