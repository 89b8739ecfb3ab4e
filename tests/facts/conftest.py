"""Prints, after the tests of the table of torch, how much they have looked at."""

from __future__ import annotations

import sys

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tensors = sys.modules.get("tests.facts.torch_tensors")
    if tensors is not None and tensors.TALLY.calls:
        terminalreporter.section("the table of torch")
        terminalreporter.write_line(str(tensors.TALLY))
