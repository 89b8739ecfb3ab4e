"""Sizes, times and shares in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdoctor.quantity_text import percent, size_text, time_text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (4e-7, "0 us"), (64e-5, "640 us"), (0.00099996, "1 ms"), (0.00912, "9.12 ms"), (0.098, "98 ms"),
     (0.9996, "1 s"), (41.23, "41.2 s"), (89.99, "90 s"), (200, "3 min 20 s"), (5400, "1.5 h")],
)  # fmt: skip
def test_times(seconds: float, told: str) -> None:
    assert time_text(seconds) == told


@given(st.floats(0, 1e7))
def test_no_time_is_written_with_an_exponent(seconds: float) -> None:
    assert "e" not in time_text(seconds)


@pytest.mark.parametrize(
    ("part", "whole", "told"), [(0, 1, "0%"), (0.004, 1, "0.4%"), (3, 7, "43%"), (1, 0, "0%"), (2, 1, "200%")]
)
def test_shares(part: float, whole: float, told: str) -> None:
    assert percent(part, whole) == told


@pytest.mark.parametrize(
    ("size", "told"), [(None, "0 bytes"), (3, "3 bytes"), (1536, "1.5 KiB"), (1 << 30, "1 GiB"), (999 << 20, "999 MiB")]
)
def test_sizes(size: float | None, told: str) -> None:
    assert size_text(size) == told
