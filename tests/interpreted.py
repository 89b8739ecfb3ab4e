"""For tests that look over a run's shoulder."""

from __future__ import annotations

import pytest

from torchdoctor.facts import expressions


def only_interpreted() -> None:
    """Skip the test where the facts are compiled: they do not come past what a test puts in a function's place."""
    if not str(expressions.__file__).endswith(".py"):
        pytest.skip("compiled code calls its functions straight")
