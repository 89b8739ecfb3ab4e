"""What was allocated as the last steps ended: a watched run notes it, for the moment when memory is refused."""

from __future__ import annotations

from collections import deque

_KEPT = 64
_steps: dict[str, deque[tuple[int, str]]] = {}


def note(device: str, allocated: int, shape: str = "") -> None:
    """Note the bytes that are allocated on a device ("cuda:0") as a step ends, and the shapes of its batch."""
    _steps.setdefault(device, deque(maxlen=_KEPT)).append((allocated, shape))


def noted(device: str) -> list[tuple[int, str]]:
    """What was noted of a device, the oldest step first."""
    return list(_steps.get(device, ()))


def forget() -> None:
    """Begin anew: what was noted is of another run."""
    _steps.clear()
