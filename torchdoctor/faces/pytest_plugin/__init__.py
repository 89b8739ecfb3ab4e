"""The pytest plugin: nothing until it is asked for, by ``--torchdoctor`` or by ``torchdoctor = true`` in pytest's ini.

pytest loads this module in every project where torchdoctor is installed, so it imports nothing but pytest, which is
there. What the plugin does stands in parts beside it, each a module whose fixtures and hooks are registered when the
plugin is on:

- a part in ``_WHEN_ON`` may load what it needs, but torch only where the tests have loaded it;
- a part in ``_ALWAYS`` is registered in every run, for fixtures that tests ask for whether the plugin is on or not,
  and loads nothing either.

A part that has a function ``plugin(config)`` is registered as what that returns (None: not at all), any other as the
module itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

_ALWAYS: tuple[str, ...] = ()
_WHEN_ON: tuple[str, ...] = ("told", "installed", "failures", "linting", "memory", "guarding", "summary")
_MARK = "torchdoctor(...): hold a test to limits, when torchdoctor is on"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("torchdoctor", "the doctor for PyTorch code")
    group.addoption(
        "--torchdoctor", action="store_true", default=None, help="Explain tests that fail in torch, and sum them up."
    )
    group.addoption(
        "--torchdoctor-lint",
        nargs="*",
        action="extend",
        metavar="PATHS",
        help="Lint these files and folders, each file as a test; by default the folder that you are in.",
    )
    group.addoption(
        "--torchdoctor-report",
        metavar="FILE",
        help="Write all findings there; the name's end says how: .json, .sarif, .xml (JUnit).",
    )
    group.addoption(
        "--torchdoctor-report-format", choices=("json", "sarif", "junit"), help="How to write it, whatever its name."
    )
    parser.addini("torchdoctor", "Explain tests that fail in torch, as --torchdoctor does.", type="bool", default=False)
    parser.addini("torchdoctor_guards", "Limits for every test, a line each: `max_memory = 2 GiB`.", type="linelist")
    parser.addini("torchdoctor_lint", "Files and folders to lint, as --torchdoctor-lint does.", type="args")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARK)
    _leave_as_compiled(config)
    for part in (*_ALWAYS, *(_WHEN_ON if is_on(config) else ())):
        module = import_module(f"{__name__}.{part}")
        plugin = module.plugin(config) if hasattr(module, "plugin") else module
        if plugin is not None:
            config.pluginmanager.register(plugin, f"torchdoctor-{part}")


def is_on(config: pytest.Config) -> bool:
    """Whether the user has asked for the plugin, on the command line or in pytest's ini."""
    said = (config.getoption(name) for name in ("torchdoctor", "torchdoctor_lint", "torchdoctor_report"))
    return any(one not in (None, False) for one in said) or any(map(config.getini, ("torchdoctor", "torchdoctor_lint")))


@pytest.fixture(scope="session")
def torchdoctor_guard() -> Any:
    """``with torchdoctor_guard(max_memory="2 GiB", no_nan=True):`` is ``torchdoctor.guard``."""
    return import_module("torchdoctor.faces.guards").guard


def _leave_as_compiled(config: pytest.Config) -> None:
    """pytest compiles the modules of a plugin's whole package anew, to show what was asserted: ours are hundreds."""
    marked = getattr(config.pluginmanager.rewrite_hook, "_must_rewrite", None)
    if isinstance(marked, set):
        marked.discard("torchdoctor")
