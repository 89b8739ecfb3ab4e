"""What is open on a thread at a moment: events that lie in each other, each with what it has from those around it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from torchdoctor.trace_record import Place
from torchdoctor.traces.names import Name
from torchdoctor.traces.tallies import Tally


@dataclass(slots=True)
class Open:
    """An event that has begun, with what it has from those around it."""

    name: Name
    end: float
    cursor: float
    phase: str
    place: Place | None
    operator: Tally | None
    act: Tally | None
    function: Tally | None
    owner: Tally | None  # the function whose own Python this is; torch's Python is nobody's
    module: Tally | None
    doing: str = ""  # the kind of act that it is
    callee: str = ""  # what that function calls here
    since: float = 0.0
    outermost: bool = False  # an operator that no other made
    launched: bool = False  # the GPU has part in it
    recorded: bool = False  # for backward
    caller: Place | None = None  # of a model: the line that was seen to call it
    sync: Tally | None = None
    dtype: str = ""
    shape: str = ""


@dataclass(slots=True)
class Thread:
    stack: list[Open] = field(default_factory=list)
    depth: Counter[str] = field(default_factory=Counter)
    cursor: float = 0.0
    phase: str = ""  # of what lay outermost last
    model: Open | None = None  # the outermost module that runs


@dataclass(slots=True)
class Launch:
    """Where something was started on the GPU."""

    operator: Tally | None
    place: Place | None
    dtype: str
    phase: str
    time: float
    shared: bool = False  # a graph's launch starts many kernels


def crossed(around: Open, start: float, end: float) -> bool:
    """Whether an event goes on for long after what it began in: ``record_function`` begins inside its ``__enter__``.

    Rounded times let an event end a microsecond after what encloses it; that is no crossing.
    """
    beyond = end - around.end
    return beyond > 1.5 and beyond > around.end - start
