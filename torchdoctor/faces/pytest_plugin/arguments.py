"""What of pytest's arguments is ours: paths to lint, and items of ours that are named like tests."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import pytest

ITEM = "torchdoctor"
_OPTION = "--torchdoctor-lint"
_SENT = "torchdoctor_lint"


@dataclass(frozen=True)
class Wanted:
    """What to lint, in absolute paths: ``only`` are the files whose items are named, none where all are meant.

    ``alone`` is whether nothing but such items is named: then pytest has no tests to run.
    """

    paths: list[str]
    only: list[str]
    alone: bool


def wanted(config: pytest.Config) -> Wanted | None:
    """What the user wants linted; None where that is nothing. Raises pytest.UsageError.

    A worker process of pytest-xdist was told: it may have been started elsewhere.
    """
    if hasattr(config, "workerinput"):
        sent: Any = config.workerinput.get(_SENT)
        asked = Wanted(**sent) if sent is not None else None
    else:
        paths = _paths(config)
        asked = Wanted(paths, *_named_items(config)) if paths is not None else None
    if asked is not None and asked.alone:
        config.args[:] = []
    return asked


def send(node: Any, asked: Wanted) -> None:
    """Tell a worker process, before it starts."""
    node.workerinput[_SENT] = asdict(asked)


def _paths(config: pytest.Config) -> list[str] | None:
    said: list[str] | None = config.getoption("torchdoctor_lint")
    start = config.invocation_params.dir
    if said is not None:
        said = _given_back(config, said)
    elif config.getini("torchdoctor_lint"):
        said = config.getini("torchdoctor_lint")
        start = config.inipath.parent if config.inipath is not None else config.rootpath
    if said is None:
        return None
    paths = [os.path.abspath(start / word) for word in said or ["."]]
    for path in paths:
        if not os.path.lexists(path):
            raise pytest.UsageError(f"{_OPTION}: there is no such file or folder: {path}")
    return paths


def _given_back(config: pytest.Config, said: list[str]) -> list[str]:
    """The paths without those that the option, as the last word of ``addopts``, has taken from the command line."""
    typed = [str(word) for word in config.invocation_params.args]
    if any(word.partition("=")[0] == _OPTION for word in typed):
        return said
    taken = [word for word in said if word in typed]
    if taken:
        explicit = [arg for arg in config.args if arg in typed]
        config.args[:] = [*taken, *explicit]
    return [word for word in said if word not in taken]


def _named_items(config: pytest.Config) -> tuple[list[str], bool]:
    """The files of the arguments of the form ``src/model.py::torchdoctor``; whether these are all the arguments.

    They are taken away: pytest would import the file to look for such a test.
    """
    end = f"::{ITEM}"
    named = [arg.removesuffix(end) for arg in config.args if arg.endswith(end)]
    config.args[:] = [arg for arg in config.args if not arg.endswith(end)]
    only = [os.path.abspath(config.invocation_params.dir / name) for name in named]
    return only, bool(only) and not config.args
