"""The project under test, where it is tested as it was installed: in site-packages lies the user's own code then.

So its lines are blamed as those of a checkout are, and reports name the files of the checkout, which services know.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torchdoctor.finding import Finding

# What is never the project under test, whatever folders of that name lie about in it.
_OTHERS = frozenset({"torch", "torchdoctor", "pytest", "_pytest", "pluggy", "numpy", "unittest"})
_INSTALLED = ("site-packages", "dist-packages")


def plugin(config: pytest.Config) -> None:
    """Claim the packages and modules of the project, in its own folder and in ``src``."""
    from torchdoctor.probes.packages import claim

    claim(name for folder in _folders(config) for name in _names(folder) if name not in _OTHERS)


def at_home(findings: Iterable[Finding], config: pytest.Config) -> list[Finding]:
    """The findings with the project's own files in the place of their installed copies."""
    from torchdoctor.project.report import relabelled

    folders = _folders(config)
    return [relabelled(finding, lambda path: _home(path, folders)) for finding in findings]


def _folders(config: pytest.Config) -> tuple[Path, Path]:
    return config.rootpath, config.rootpath / "src"


def _names(folder: Path) -> Iterable[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry.name.removesuffix(".py")
        elif os.path.isfile(os.path.join(entry.path, "__init__.py")):
            yield entry.name


def _home(path: str, folders: Iterable[Path]) -> str:
    """The file of the checkout of which this is a copy; itself, where it is none."""
    parts = Path(path).parts
    index = max((i for i, part in enumerate(parts) if part in _INSTALLED), default=-1)
    for folder in folders if index >= 0 else ():
        own = folder.joinpath(*parts[index + 1 :])
        try:
            if own.is_file() and own.read_bytes() == Path(path).read_bytes():
                return str(own)
        except OSError:
            continue
    return path
