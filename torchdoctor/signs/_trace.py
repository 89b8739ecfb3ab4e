"""What signs of traces say alike: shares, times and places."""

from __future__ import annotations

from torchdoctor.finding import Span
from torchdoctor.quantity_text import time_text
from torchdoctor.trace_record import Place, Timed, TraceRecord


def time(microseconds: float) -> str:
    """A time of a trace in words."""
    return time_text(microseconds / 1e6)


def times(record: TraceRecord, calls: float) -> str:
    """How often in a step: "12 times a step", "once a step"."""
    each = record.a_step(calls)
    if record.whole:
        return f"{calls:.0f} times"
    if each >= 1.5:
        return f"{each:.0f} times a step"
    return "once a step" if each >= 0.75 else f"{calls:.0f} times in {record.count} steps"


def at(place: Place | None) -> Span | None:
    """The line to blame, where it is known."""
    return place.span if place is not None and place.exact else None


def within(place: Place | None) -> tuple[str, ...]:
    """The function, where only that is known."""
    if place is None or place.exact:
        return ()
    file = _file(place)
    return (
        f"in `{place.function}` of `{file}`" if place.function != "<module>" else f"in `{file}`, outside of functions",
    )


def together(one: Place | None, other: Place | None) -> bool:
    """Whether two lines are of one function. Paths are told whole, or without the folder that Python found them in."""
    return one is not None and other is not None and (one.function, _file(one)) == (other.function, _file(other))


def _file(place: Place) -> str:
    return place.path.replace("\\", "/").rpartition("/")[2]


def costly(record: TraceRecord, act: str, share: float) -> Timed | None:
    """The acts of this kind, where they take at least this share of the steps."""
    found = record.act(act)
    return found if found is not None and record.share(found.total) >= share else None
