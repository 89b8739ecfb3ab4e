"""The record of a profiler's trace: what its steps spent their time on. Times are microseconds, of all steps together.

Only what happened inside the profiled steps is counted; a trace without steps counts as one step, ``whole``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from torchdoctor.finding import Span

ENOUGH = 3  # steps, to compare ranks by
PHASES = ("input", "copies", "forward", "backward", "optimizer", "communication", "other")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's code. ``exact`` is False where only the function is known: then ``line`` lies in it."""

    path: str
    line: int
    function: str = ""
    exact: bool = False

    @property
    def span(self) -> Span:
        return Span(self.path, self.line, 1, self.line, 2)

    def __str__(self) -> str:
        file = self.path.replace("\\", "/").rpartition("/")[2]
        return f"{self.function}, {file}" if self.function and not self.exact else f"{file}:{self.line}"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step: its wall time, what the main thread spent it on, and what the busiest GPU did in it.

    ``phases`` (input, copies, forward, backward, optimizer, communication, other) sum up to ``wall``. Of the GPU:
    ``busy`` with anything, ``computing``, ``communicating``, ``copying`` from host to device; unions of intervals.
    ``exposed`` is communication under which nothing was computed. Where the CPU carries out the ``collectives`` (gloo),
    both are of the host.
    """

    name: str
    wall: float
    phases: dict[str, float] = field(default_factory=dict)
    busy: float = 0.0
    computing: float = 0.0
    communicating: float = 0.0
    copying: float = 0.0
    exposed: float = 0.0
    collectives: int = 0


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator: ``self_time`` without what it called, ``kernels`` the time on the GPU that it launched itself.

    ``phases`` and ``dtypes`` split its own time, host and GPU; ``shapes`` are the sizes that took the most of it.
    ``host`` is the time of those calls that no operator made and that started nothing on a GPU: what the step, outside
    of loading, backward and the optimizer, computed on the CPU.
    """

    name: str
    calls: int
    self_time: float
    total: float
    kernels: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    dtypes: dict[str, float] = field(default_factory=dict)
    shapes: str = ""
    place: Place | None = None
    host: float = 0.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """What ran on the GPU. ``family`` is matmul, convolution, elementwise, layout, attention, communication, ...

    ``tensor_cores`` is by its name: None where that does not tell. ``dtype`` likewise, "" where it does not tell.
    """

    name: str
    calls: int
    total: float
    family: str = "other"
    tensor_cores: bool | None = None
    dtype: str = ""
    operator: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """What was called by name: a module, a function of the user's, or a kind of act (deepcopy, print, compile).

    ``total`` counts what is nested in itself once; ``self_time`` is Python's own, without operators and callees of
    the user's. Of a function, ``callee`` is what it calls that takes the most of that, ``callee_time`` how much.
    """

    name: str
    calls: int
    total: float
    self_time: float = 0.0
    place: Place | None = None
    phase: str = ""
    callee: str = ""
    callee_time: float = 0.0


@dataclass(frozen=True, slots=True)
class Sync:
    """A wait of the host for the GPU: how often, how long, and for how long the GPU then had nothing to do."""

    call: str
    operator: str
    calls: int
    waited: float
    idled: float
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies between host and device of one kind: "HtoD pageable", "DtoH pinned", "DtoD"."""

    kind: str
    calls: int
    total: float
    size: int = 0
    place: Place | None = None


@dataclass(frozen=True)
class TraceRecord:
    """A trace, summed up.

    ``setup`` is what the one who recorded it said of the run (threads, loaders, anomaly mode). ``devices`` are the
    GPUs' names, ``capability`` the compute capability of the first (8.0), 0 where not known. ``launches`` counts what
    the host started on the GPU, ``operations`` the outermost operators. ``lines`` are the user's, by how often they
    were seen (``calls``). ``durations`` counts kernels below 5, 10, 50, 200 microseconds and above. ``lost`` tells
    what could not be read of the trace.
    """

    source: str = ""
    steps: tuple[TraceStep, ...] = ()
    whole: bool = False
    operators: tuple[Operator, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    modules: tuple[Timed, ...] = ()
    functions: tuple[Timed, ...] = ()
    acts: tuple[Timed, ...] = ()
    lines: tuple[Timed, ...] = ()
    syncs: tuple[Sync, ...] = ()
    copies: tuple[Copies, ...] = ()
    devices: tuple[str, ...] = ()
    capability: float = 0.0
    launches: int = 0
    operations: int = 0
    durations: tuple[int, ...] = ()
    rank: int | None = None
    world: int | None = None
    stacks: bool = False
    setup: dict[str, Any] = field(default_factory=dict)
    events: int = 0
    lost: tuple[str, ...] = ()

    # -- the whole and its parts ----------------------------------------------------------------------------------

    @property
    def wall(self) -> float:
        return sum(step.wall for step in self.steps)

    @property
    def count(self) -> int:
        return max(len(self.steps), 1)

    @property
    def gpu(self) -> bool:
        return any(step.busy for step in self.steps)

    def phase(self, name: str) -> float:
        return sum(step.phases.get(name, 0.0) for step in self.steps)

    def share(self, time: float) -> float:
        """This time as a part of all steps' wall time, 0 to 1."""
        return time / self.wall if self.wall > 0 else 0.0

    @property
    def busy(self) -> float:
        return sum(step.busy for step in self.steps)

    @property
    def idle(self) -> float:
        """The share of the steps in which the GPU had nothing to do; 0 where there is no GPU."""
        return max(1.0 - self.share(self.busy), 0.0) if self.gpu else 0.0

    @property
    def step_time(self) -> float:
        """The median step, in microseconds."""
        return median(step.wall for step in self.steps) if self.steps else 0.0

    def a_step(self, count: float) -> float:
        return count / self.count

    # -- by name --------------------------------------------------------------------------------------------------

    def operator(self, *names: str) -> Operator | None:
        """The costliest of the operators of these names."""
        return max((one for one in self.operators if one.name in names), key=cost, default=None)

    def act(self, name: str) -> Timed | None:
        """The acts of this kind: "forward" (of the outermost modules), "inference" (those of them without gradients),
        "print", "compile", "step Adam", ..."""
        return next((one for one in self.acts if one.name == name), None)

    def spent(self, name: str) -> float:
        """Their time."""
        act = self.act(name)
        return act.total if act is not None else 0.0

    def seen_in(self, phase: str) -> Place | None:
        """The line of the user's that was seen most in this phase, else the function that took the most of it."""
        lines = [one for one in self.lines if one.phase == phase] or [
            one for one in self.functions if one.phase == phase
        ]
        return max(lines, key=lambda one: one.total).place if lines else None

    @property
    def computed(self) -> float:
        """What all operators took themselves: on the GPU where there is one, else on the host."""
        return sum(map(self.own, self.operators))

    def own(self, operator: Operator) -> float:
        return operator.kernels if self.gpu else operator.self_time


@dataclass(frozen=True)
class RanksTraceRecord:
    """The traces of the ranks of one run, each of the same steps; in the order of the ranks."""

    ranks: tuple[TraceRecord, ...] = ()

    @property
    def steps(self) -> tuple[tuple[TraceStep, ...], ...]:
        """The steps that all ranks have recorded: of each, what it was on each rank."""
        named = [{step.name: step for step in one.steps} for one in self.ranks if not one.whole]
        if len(named) < max(len(self.ranks), 2):
            return ()
        return tuple(tuple(own[name] for own in named) for name in named[0] if all(name in own for own in named))


def cost(operator: Operator) -> float:
    return operator.self_time + operator.kernels
