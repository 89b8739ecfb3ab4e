"""What a whole run comes to: collected from the reports of all tests, in the process that the user has started."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torchdoctor.faces.pytest_plugin.memory import raised_by
from torchdoctor.faces.pytest_plugin.told import kept, kept_failures, known_to_baseline

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.project.report import Failure

# What people write where a test needs a GPU: "CUDA not available", "requires 2 GPUs", "no accelerator".
_GPU = re.compile(
    r"\b(?:cuda\w*|gpus?|multi[-_ ]?gpu|nvidia|nccl|cudnn|rocm|mps|xpu|triton|accelerators?|flash[-_ ]?attn)\b",
    re.IGNORECASE,
)


@dataclass
class Session:
    """Findings by the test that has them; what was linted, and how much of it the baseline knows; the tests' times in
    seconds; by how many bytes a test raised the peak of a place; why a test was skipped that needs a GPU."""

    findings: dict[tuple[str, Finding], None] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    linted: set[str] = field(default_factory=set)
    known: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    bytes_: dict[tuple[str, str], int] = field(default_factory=dict)
    without_gpu: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, report: Any) -> None:
        """Take in the report of a test's phase, or of a collection."""
        # Each worker process collects, and tells, the same.
        self.findings.update(dict.fromkeys((report.nodeid, found) for found in kept(report)))
        self.failures += [failure for failure in kept_failures(report) if failure not in self.failures]
        if (known := known_to_baseline(report)) is not None:
            self.linted.add(report.nodeid)
            self.known[report.nodeid] = known
        for place, bytes_ in raised_by(report).items():
            self.bytes_[report.nodeid, place] = bytes_
        if report.skipped and not hasattr(report, "wasxfail") and _GPU.search(reason := _reason(report)):
            self.without_gpu[report.nodeid] = reason

    def add_test(self, report: Any) -> None:
        """Take in the report of a test's phase; a subtest's time is its test's already."""
        self.add(report)
        if hasattr(report, "context"):
            return
        self.seconds[report.nodeid] += report.duration
        if report.when == "call" or report.outcome != "passed":
            name = report.outcome if not hasattr(report, "wasxfail") else "x" + report.outcome
            self.outcomes[name if report.when == "call" or report.skipped else "errors"] += 1

    def slowest(self, most: int, least: float) -> list[tuple[str, float]]:
        return [(test, seconds) for test, seconds in self.seconds.most_common(most) if seconds >= least]

    def hungriest(self, most: int) -> list[tuple[str, str, int]]:
        """Test, place, and by how many bytes it has raised the peak there."""
        rows = [(test, place, bytes_) for (test, place), bytes_ in self.bytes_.items()]
        return sorted(rows, key=lambda row: (-row[2], row[0]))[:most]


def _reason(report: Any) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) and len(longrepr) == 3 else str(longrepr)
    return " ".join(str(text).split()).removeprefix("Skipped: ")
