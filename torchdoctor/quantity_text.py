"""Sizes, times and shares in words, the same wherever something is told of them."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_text(size: float | None) -> str:
    """A size in words, "1.5 GiB", "512.1 MiB", "3 bytes"."""
    size, unit = float(size or 0), 0
    while abs(size) >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    shown = f"{size:,.0f}" if abs(size) >= 1000 else f"{size:.3g}" if abs(size) < 100 else f"{size:.4g}"
    return f"{shown} {_UNITS[unit]}"


def time_text(seconds: float) -> str:
    """A time in words, "1.5 h", "3 min 20 s", "41.2 s", "98 ms", "640 us"."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 90:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    if seconds >= 0.9995 or not seconds:  # what three digits would write as 1000 of the smaller unit
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 0.9995e-3 else f"{seconds * 1e6:.0f} us"


def percent(part: float, whole: float = 1.0) -> str:
    """A part of a whole, "42%", "0.4%"; "0%" of nothing."""
    share = part / whole if whole > 0 else 0.0
    return f"{share:.0%}" if share >= 0.01 or not share else f"{share:.1%}"
