"""How hungry each test is, as far as it can be told for nothing: by how much it raised the process's peak.

Nothing is reset and nothing traced, so the peaks that a test measures for itself stay what they are. A test that needs
less than one before it is not told of; on a GPU, only where torch has set it up already.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from torchdoctor.probes.host import peak_resident

_TOLD = "torchdoctor_raised"
_LEAST = 16 << 20
_before: dict[str, int] = {}
_raised: Counter[str] = Counter()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, None]:
    _raised.clear()
    _before.update(peaks())
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
    """A phase has ended; what its report then takes, an explanation above all, is not the test's."""
    for place, peak in peaks().items():
        _raised[place] += max(peak - _before.get(place, 0), 0)
    outcome = yield
    _before.update(peaks())
    if call.when == "teardown" and outcome.excinfo is None:
        if told := {place: bytes_ for place, bytes_ in _raised.items() if bytes_ >= _LEAST}:
            setattr(outcome.get_result(), _TOLD, told)


def raised_by(report: Any) -> dict[str, int]:
    """Bytes by which a test has raised the peak, by place ("memory", "cuda:0"); travels between processes."""
    found: dict[str, int] = getattr(report, _TOLD, {})
    return found


def peaks() -> dict[str, int]:
    """Bytes at the peak so far, by place."""
    found = {}
    if (peak := peak_resident()) is not None:
        found["memory"] = peak
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        found.update({f"cuda:{index}": cuda.max_memory_allocated(index) for index in range(cuda.device_count())})
    return found
