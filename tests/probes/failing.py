"""Failures to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchdoctor.probes.failure import failure_of
from torchdoctor.record import Failure


def failed(call: Callable[[], Any]) -> Failure:
    """The record of what a call raises. Raises AssertionError where it raises nothing."""
    try:
        call()
    except Exception as error:
        return failure_of(error)
    raise AssertionError("it did not fail")
